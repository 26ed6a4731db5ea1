/* The ID of a member that bootstraps its cluster, by etcd's formula: known before it runs. Apart
 * from run.h, whose `struct member` is another one. */
#include "listed.h"

#include "membership/membership.h"

member_id_t listed_member_id(const char *peer_url, const char *token)
{
    struct member_urls urls = {.count = 1};
    urls.at[0] = slice_str(peer_url);
    return membership_member_id(&urls, slice_str(token), -1);
}
