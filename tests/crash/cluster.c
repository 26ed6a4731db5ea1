#include "crash/cluster.h"

#include "base/assert.h"
#include "base/fmt.h"
#include "server/server.h"

static const char initial[] = "--initial-cluster=n1=http://10.0.0.1:2380,"
                              "n2=http://10.0.0.2:2380,n3=http://10.0.0.3:2380";

struct node *cluster_start(struct world *world, int i, struct node *node, struct observer *observer)
{
    char name[] = "n1";
    char address[] = "10.0.0.1";
    char text[5][64];
    name[1] = (char)('1' + i);
    address[7] = (char)('1' + i);
    if (node == NULL) {
        struct host *host;
        int rc = host_new(world, name, address, &host);
        ASSERT(rc == 0);
        node = node_new(host, name);
    }
    fmt(text[0], 64, "--name=%s", name);
    fmt(text[1], 64, "--listen-peer-urls=http://%s:2380", address);
    fmt(text[2], 64, "--initial-advertise-peer-urls=http://%s:2380", address);
    fmt(text[3], 64, "--listen-client-urls=http://%s:2379", address);
    fmt(text[4], 64, "--advertise-client-urls=http://%s:2379", address);
    const char *const args[] = {"quorated", text[0], text[1], text[2], text[3], text[4], initial};
    const struct node_start start = {.program = &server_program,
                                     .args = args,
                                     .arg_count = sizeof(args) / sizeof(args[0]),
                                     .log_level = LOG_ERROR,
                                     .observer = observer};
    int rc = node_start(node, &start);
    ASSERT(rc == 0);
    return node;
}
