/* The server over real sockets and disks. */
#include "server/server.h"
#include "uv_world/uv_world.h"

int main(int argc, char **argv)
{
    return uv_world_main(&server_program, argc, argv);
}
