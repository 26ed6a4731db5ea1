/* Runs every case against the world that this program is linked with. */
#include "cases.h"
#include "program.h"

int env_suite_run(const char *world_name)
{
#define CASE_ENTRY(name) cmocka_unit_test(name),
    const struct CMUnitTest tests[] = {ENV_CASES(CASE_ENTRY)};
#undef CASE_ENTRY
    return cmocka_run_group_tests_name(world_name, tests, NULL, NULL);
}
