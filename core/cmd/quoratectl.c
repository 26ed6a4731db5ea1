/* The client on this machine's terminal, sockets and clock. */
#include "ctl/ctl.h"
#include "uv_world/uv_world.h"

int main(int argc, char **argv)
{
    return uv_world_main(&ctl_program, argc, argv);
}
