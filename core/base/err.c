#include "base/err.h"

const char *err_name(int err)
{
    switch (err) {
    case 0: return "ok";
#define ERR_NAME(name, number, status, text) \
    case number: return #name;
        ERR_TABLE(ERR_NAME)
#undef ERR_NAME
    default: return "ERR_?";
    }
}

const char *err_text(int err)
{
    switch (err) {
    case 0: return "ok";
#define ERR_TEXT(name, number, status, text) \
    case number: return (text);
        ERR_TABLE(ERR_TEXT)
#undef ERR_TEXT
    default: return "unknown error";
    }
}

enum grpc_status err_grpc(int err)
{
    switch (err) {
    case 0: return GRPC_OK;
#define ERR_STATUS(name, number, status, text) \
    case number: return (status);
        ERR_TABLE(ERR_STATUS)
#undef ERR_STATUS
    default: return GRPC_UNKNOWN;
    }
}
