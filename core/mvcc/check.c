/* What a request must look like before the store looks at it. */
#include "mvcc/mvcc.h"

static int check_size(struct slice s)
{
    return s.len > UINT32_MAX ? ERR_ETCD_TOO_LARGE : 0;
}

static int check_key(struct slice key)
{
    return key.len == 0 ? ERR_ETCD_KEY_EMPTY : check_size(key);
}

int mvcc_range_check(const struct mvcc_range *request)
{
    int rv = check_key(request->key);
    if (rv != 0) {
        return rv;
    }
    if (request->sort_order < MVCC_ORDER_NONE || request->sort_order > MVCC_ORDER_DESCEND ||
        request->sort_target < MVCC_TARGET_KEY || request->sort_target > MVCC_TARGET_VALUE) {
        return ERR_ETCD_INVALID_SORT;
    }
    return 0;
}

int mvcc_put_check(const struct mvcc_put *request)
{
    int rv = check_key(request->key);
    if (rv != 0) {
        return rv;
    }
    if (request->ignore_value && request->value.len > 0) {
        return ERR_ETCD_VALUE_PROVIDED;
    }
    if (request->ignore_lease && request->lease != 0) {
        return ERR_ETCD_LEASE_PROVIDED;
    }
    return check_size(request->value);
}

int mvcc_delete_check(const struct mvcc_delete *request)
{
    return check_key(request->key);
}
