/* The list's inside: adding, replacing and removing members without any rule. */
#ifndef MEMBERSHIP_LIST_H
#define MEMBERSHIP_LIST_H

#include "membership/membership.h"

/* Ascending, as bytes; equal ones stay. */
void membership_sort_urls(struct member_urls *urls);
bool membership_has_url(const struct member_urls *urls, struct slice url);
bool membership_same_urls(const struct member_urls *a, const struct member_urls *b);
/* Copies the member into the list; one with the same id is replaced. There must be room. */
void membership_store(struct membership *m, const struct member *member);
/* Forgets the member; the id must be there. */
void membership_drop(struct membership *m, member_id_t id);
/* Notes that the id never comes back. Does nothing if it is noted. */
void membership_note_removed(struct membership *m, member_id_t id);
/* Takes that back. Does nothing if it is not noted. */
void membership_forget_removed(struct membership *m, member_id_t id);

#endif
