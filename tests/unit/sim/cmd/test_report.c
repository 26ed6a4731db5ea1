/* `quorate report` from outside: a run becomes a figure and a page, or one line says why not. Runs
 * in a folder of its own, with the gnuplot that `./dev` installs. */
#include "program.h"

/* The file whose name ends so, into `output`; its length. */
static size_t read_one(const char *pattern)
{
    assert_int_equal(shell("cat %s", pattern), 0);
    return strlen(output);
}

static void make_run(const char *db)
{
    assert_int_equal(shell(QUORATE_BIN " run " SCENARIOS "/two-member-stall.yaml --db %s", db), 0);
}

static void test_a_run_becomes_a_figure_and_a_page(void **state)
{
    static const char *const words[] = {
        ">node01<",    ">infra2<",       ">never started<",  ">candidate<",
        ">cannot<",    ">not served<",   ">voters<",         ">quorum<",
        ">voters up<", ">start infra2<", ">put color blue<", ">member add infra3: refused<"};
    (void)state;
    make_run("a.db");
    assert_int_equal(shell(QUORATE_BIN " report --db a.db -o first"), 0);
    assert_says("run two-member-stall/1@");
    assert_true(read_one("first/*.svg") > 1000);
    assert_non_null(strstr(output, "<svg"));
    assert_string_equal(output + strlen(output) - 8, "\n</svg>\n\n" + 1);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        assert_says(words[i]);
    }
    (void)read_one("first/*.png");
    assert_memory_equal(output, "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x04\xb0", 20); /* 1200 wide */
    (void)read_one("first/index.html");
    assert_memory_equal(output, "<!DOCTYPE html>", 15);
    assert_says("<svg");
    assert_says("verdict");
    assert_says("</body>\n</html>\n");
    assert_says("scenario: two-member-stall");
    assert_null(strstr(output, "<script"));
    assert_null(strstr(output, "src="));
}

static void test_a_report_is_the_same_when_it_is_made_again(void **state)
{
    (void)state;
    make_run("b.db");
    assert_int_equal(shell(QUORATE_BIN " report --db b.db -o one"), 0);
    assert_int_equal(shell(QUORATE_BIN " report --db b.db two-member-stall/1 -o two"), 0);
    assert_int_equal(shell("diff -r one two"), 0);
    /* The script beside the figure draws it alone. */
    assert_int_equal(shell("cd two && rm *.svg *.png && gnuplot *.gp && cd .. && diff -r one two"),
                     0);
}

static void test_without_gnuplot_it_says_so(void **state)
{
    (void)state;
    make_run("c.db");
    assert_int_equal(shell("PATH=/nowhere " QUORATE_BIN " report --db c.db -o none"), 2);
    assert_says("there is no gnuplot (Debian: apt-get install gnuplot-nox)");
    assert_int_equal(shell("ls none/*.gp"), 0);
    assert_int_equal(shell("ls none/index.html"), 2);
}

static void test_mistakes_are_one_line_and_exit_2(void **state)
{
    (void)state;
    assert_int_equal(shell("echo this is no database, but long enough > foreign.db"), 0);
    assert_int_equal(shell(QUORATE_BIN " report --db foreign.db -o x"), 2);
    assert_says("quorate: foreign.db: not a results file\n");
    assert_int_equal(shell(QUORATE_BIN " report --db missing.db -o x"), 2);
    assert_says("quorate: missing.db: unable to open database file\n");
    assert_int_equal(shell("ls missing.db x"), 2);
    make_run("d.db");
    assert_int_equal(shell(QUORATE_BIN " report --db d.db nobody -o x"), 2);
    assert_says("there is no run \"nobody\" in it; there are\n  1  two-member-stall/1@");
    assert_int_equal(
        shell("head -c 20000 d.db > torn.db; " QUORATE_BIN " report --db torn.db -o x"), 2);
    assert_says("quorate: torn.db: ");
    assert_int_equal(shell(QUORATE_BIN " report --db d.db -o d.db/x"), 2);
    assert_says("quorate: d.db/x: Not a directory\n");
    assert_int_equal(shell(QUORATE_BIN " report --db d.db"), 2);
    assert_says("usage: quorate report --db FILE [RUN] -o DIR\n");
    assert_int_equal(shell(QUORATE_BIN " report --bd d.db -o x"), 2);
    assert_says("\"--bd\" is not known to `report`\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_run_becomes_a_figure_and_a_page),
        cmocka_unit_test(test_a_report_is_the_same_when_it_is_made_again),
        cmocka_unit_test(test_without_gnuplot_it_says_so),
        cmocka_unit_test(test_mistakes_are_one_line_and_exit_2),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
