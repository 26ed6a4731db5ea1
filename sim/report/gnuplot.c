/* gnuplot's process: a folder to work in, a script, nothing of our input, its errors in a pipe. */
#define _DEFAULT_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "report/report.h"

#define NOT_THERE  127 /* as shells say it */
#define BAD_FOLDER 126
#define WORDS_MAX  4096

/* Never returns. Between fork and exec only what is safe there. */
static _Noreturn void become_gnuplot(const char *folder, const char *script, const int ends[2])
{
    int nothing = open("/dev/null", O_RDWR);
    if (nothing < 0 || dup2(nothing, 0) < 0 || dup2(nothing, 1) < 0 || dup2(ends[1], 2) < 0 ||
        chdir(folder) != 0) {
        _exit(BAD_FOLDER);
    }
    close(ends[0]);
    close(ends[1]);
    execlp("gnuplot", "gnuplot", script, (char *)NULL);
    _exit(errno == ENOENT ? NOT_THERE : BAD_FOLDER);
}

static void read_all(int from, struct buf *why)
{
    size_t start = why->len;
    ssize_t got = 1;
    while (got > 0 || (got < 0 && errno == EINTR)) {
        char words[512];
        got = read(from, words, sizeof(words));
        if (got > 0 && why->len - start < WORDS_MAX) {
            buf_add(why, words, (size_t)got);
        }
    }
}

int report_draw(const char *folder, const char *script, struct buf *why)
{
    int ends[2];
    int status = 0;
    if (pipe(ends) != 0) {
        buf_add_str(why, strerror(errno));
        return ERR_IO;
    }
    pid_t child = fork();
    if (child == 0) {
        become_gnuplot(folder, script, ends);
    }
    close(ends[1]);
    if (child < 0) {
        buf_add_str(why, strerror(errno));
        close(ends[0]);
        return ERR_IO;
    }
    read_all(ends[0], why);
    close(ends[0]);
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            buf_add_str(why, strerror(errno));
            return ERR_IO;
        }
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_THERE) {
        return ERR_NOT_FOUND;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : ERR_IO;
}
