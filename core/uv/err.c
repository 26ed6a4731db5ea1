/* The system's errors in the house's words. */
#include <errno.h>

#include "node.h"

int err_of_net(int status)
{
    switch (status) {
    case 0: return 0;
    case UV_ECONNREFUSED: return ERR_CONN_REFUSED;
    case UV_ECONNRESET:
    case UV_ECONNABORTED:
    case UV_EPIPE: return ERR_CONN_RESET;
    case UV_EOF: return ERR_CONN_CLOSED;
    case UV_EADDRINUSE: return ERR_ADDR_IN_USE;
    case UV_EADDRNOTAVAIL:
    case UV_EAFNOSUPPORT:
    case UV_EINVAL: return ERR_ADDR_INVALID;
    case UV_EACCES:
    case UV_EPERM: return ERR_PERMISSION;
    case UV_ENETUNREACH:
    case UV_EHOSTUNREACH:
    case UV_ENETDOWN:
    case UV_ETIMEDOUT: return ERR_UNREACHABLE;
    case UV_EAI_NONAME:
    case UV_EAI_NODATA:
    case UV_EAI_AGAIN:
    case UV_EAI_FAIL: return ERR_NOT_FOUND;
    default: return ERR_IO;
    }
}

int err_of_disk(int status)
{
    switch (status) {
    case 0: return 0;
    case UV_ENOENT:
    case UV_ENOTDIR: return ERR_NOT_FOUND;
    case UV_EEXIST:
    case UV_ENOTEMPTY: return ERR_EXISTS;
    case UV_ENOSPC:
    case UV_EFBIG:
    case -EDQUOT: return ERR_NO_SPACE;
    case UV_EACCES:
    case UV_EPERM:
    case UV_EROFS: return ERR_PERMISSION;
    case UV_EAGAIN: return ERR_LOCKED; /* only flock says so */
    default: return ERR_IO;
    }
}
