/* Reports: one figure and one page of a run, from a results file.
 *
 * The figure is drawn by gnuplot from a script that carries its data and stays beside it; the page
 * holds the figure and what the file says about the run, and asks for nothing from elsewhere. Both
 * are functions of the run's rows alone, so that a report can be made again, byte for byte.
 *
 * It knows the tables of reports/schema.sql and nothing of scenarios, worlds or checkers. Whatever
 * the file says is hostile: text reaches the script only as data, and the page only escaped.
 */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/slice.h"

struct report_file;

/* Opens for reading, borrows mem until report_close. ERR_NOT_FOUND, ERR_IO, or ERR_FORMAT if it is
 * no results file of this version; *out is then NULL and `why` says more. */
int report_open(const char *path, struct mem *mem, struct report_file **out,
                struct buf *why) MUST_CHECK;
/* NULL is ignored. */
void report_close(struct report_file *file);

/* The number of the run that `wanted` means: its id, its number, or the beginning of its id if no
 * other run's id begins so; NULL: the newest. ERR_NOT_FOUND, or ERR_INVALID if several are meant;
 * `why` then lists the choices, one a line. */
int report_pick(struct report_file *file, const char *wanted, int64_t *run,
                struct buf *why) MUST_CHECK;

struct report;

/* Reads a run; it lives in the file's mem and ends with it. ERR_IO or ERR_FORMAT if the rows cannot
 * be read, ERR_NOT_FOUND if the file keeps only the summary of this run. */
int report_load(struct report_file *file, int64_t run, struct report **out,
                struct buf *why) MUST_CHECK;

/* As it may be shown on a terminal; lives as long as the report. */
const char *report_id(const struct report *report);
/* The id as a file name without ending: letters, digits, dots, dashes and underscores, no dot or
 * dash in front. */
const char *report_name(const struct report *report);

/* The gnuplot script. It writes NAME.svg and NAME.png into the folder in which it is run. */
void report_script(const struct report *report, struct buf *out);
/* The page, with the figure's SVG inside; its XML prologue is left out. */
void report_page(const struct report *report, struct slice svg, struct buf *out);

/* Runs `gnuplot` on a script's file name inside a folder and waits. ERR_NOT_FOUND if there is no
 * gnuplot, ERR_IO if it fails; what it wrote to stderr is then in `why`. */
int report_draw(const char *folder, const char *script, struct buf *why) MUST_CHECK;

#endif
