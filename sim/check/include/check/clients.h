/* All that is judged of clients' histories at the end of a run: linearizability by two methods that
 * know nothing of each other, serializable reads, and that no write took effect twice.
 *
 * If the witness (history.h) accepts, the black box (box.h) must not reject: one of them is wrong
 * then, and that is a failure too. If the witness rejects, it is a violation, and the black box
 * tells whether the values alone show it. Without a witness, or if it had to guess, the black box
 * decides; undecided is what neither can tell.
 */
#ifndef CHECK_CLIENTS_H
#define CHECK_CLIENTS_H

#include "check/box.h"
#include "check/history.h"

struct clients_verdict {
    enum history_result result;
    const char *checker; /* "linearizability", "serializable-reads", "client"; "" if all is well */
    const char *rule;    /* of a violation: history_check's, "twice" (client), "future-read" and
                            "backwards" (serializable-reads), "no-order" and "methods-disagree";
                            else "" */
    char text[2304];     /* what is wrong or why nothing is decided */
    size_t shown[2];     /* numbers of the requests that it names */
    size_t shown_count;
    char methods[128]; /* what the two methods say of linearizability, one line */
    bool witnessed;    /* every answer tells its revisions */
    struct history_verdict witness;
    struct box_verdict box;
};

void clients_check(const struct history *history, const struct box_limits *limits,
                   struct clients_verdict *verdict);

#endif
