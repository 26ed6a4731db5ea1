/* The texts that explain an error, as etcd (Go's fmt) prints them. `why` may be NULL. */
#ifndef MEMBERSHIP_TEXT_H
#define MEMBERSHIP_TEXT_H

#include "membership/membership.h"

void membership_text_printf(struct buf *why, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void membership_text_add(struct buf *why, struct slice s);
/* Go's %q. */
void membership_text_quote(struct buf *why, struct slice s);
/* "a b", or with quote "\"a\" \"b\"", in the order given. */
void membership_text_urls(struct buf *why, const struct member_urls *urls, bool quote);
/* "a,b", sorted. */
void membership_text_urls_commas(struct buf *why, const struct member_urls *urls);
/* "name=url,name=url", sorted as texts (types.URLsMap). Each member's URLs are sorted. */
void membership_text_named_urls(struct buf *why, const struct member *members, size_t count);
/* Why two sets of URLs are not the same (netutil.URLStringsEqual); they must differ. */
void membership_text_difference(struct buf *why, const struct member_urls *a,
                                const struct member_urls *b);
/* "{ClusterID:.. Members:[..] RemovedMemberIDs:[..]}". */
void membership_text_membership(struct buf *why, const struct membership *m);

#endif
