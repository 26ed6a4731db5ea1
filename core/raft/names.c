#include "raft/raft.h"

const char *raft_message_name(enum raft_message_type type)
{
    switch (type) {
#define CASE(name, number, text) \
    case name: return text;
        RAFT_MESSAGE_TABLE(CASE)
#undef CASE
    }
    return "?";
}

const char *raft_role_name(enum raft_role role)
{
    switch (role) {
    case RAFT_FOLLOWER: return "follower";
    case RAFT_PRE_CANDIDATE: return "pre-candidate";
    case RAFT_CANDIDATE: return "candidate";
    case RAFT_LEADER: return "leader";
    case RAFT_HALTED: return "halted";
    }
    return "?";
}
