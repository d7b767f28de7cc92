/* load: a WebSocket load generator that checks every delivery for loss, order and misrouting.
 *
 * cc -O2 -o load *.c -lz        README.md of the folder above says how it measures. It prints one JSON object and
 * exits 3 if anything was lost, out of order, altered or misrouted.
 */
#include "load.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

struct options options = {
    .host = "127.0.0.1", .path = "/", .template = "%s", .connections = 100, .rooms = 1,
    .publishers = 1, .window = 1, .size = 128, .opening = 100, .seconds = 2, .warmup = 0.5, .drain = 8,
    .ports = {8000}, .port_count = 1, .server_core = 0, .load_core = 1,
};

static const char usage[] =
    "load [options]\n"
    "  -p, --port N,...     ports of the servers on 127.0.0.1: the members of a room take turns\n"
    "      --apart          instead, its publishers are at the first server and all others at the others\n"
    "  -u, --path PATH      path to open: %r is the room, %i the connection\n"
    "  -m, --mode MODE      fanout, echo (a room for each connection), idle, connect\n"
    "  -n, --connections N  connections in all; -k, --rooms N; -P, --publishers N in each room\n"
    "  -w, --window N       messages in flight for each publisher\n"
    "  -r, --rate N         paced instead: messages a second in all, latency from the scheduled time\n"
    "  -S, --size N         bytes of content\n"
    "  -t, --template TEXT  what a publisher sends: %s content, %r room, %i connection, \\xNN \\r \\n\n"
    "      --send TEXT, --wait TEXT   handshake script after the upgrade, in the order given\n"
    "  -d, --seconds S      measured; -W, --warmup S before it; --drain S at most after it, for what is missing\n"
    "  -x, --stop-share X   this share of the members stops reading when measuring starts\n"
    "      --bystanders N   of the connections: alone in a room each, paced; the latency is theirs\n"
    "  -c, --opening N      handshakes under way at once\n"
    "  -z, --deflate        offer permessage-deflate\n"
    "      --binary         send binary frames; --stream: a content may straddle frames; --subprotocol NAME\n"
    "  -s, --server PIDS    processes of the servers, for their CPU and memory\n"
    "      --broker PIDS    processes of what is between servers, for its CPU\n"
    "      --cores S,L      the server's core and the generator's, to see what else runs there\n";

void fail(const char *what) {
    fprintf(stderr, "load: %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
    exit(2);
}

static enum mode mode_named(const char *name) {
    static const char *names[] = {"fanout", "echo", "idle", "connect"};
    for (int i = 0; i < 4; i++)
        if (!strcmp(name, names[i])) return i;
    fail("--mode is one of fanout, echo, idle, connect");
}

static void add_step(bool wait, const char *text) {
    if (options.step_count == MAX_STEPS) fail("too many --send and --wait");
    options.steps[options.step_count++] = (struct step){wait, text};
}

static int read_list(char *text, int *out, int most) {
    int count = 0;
    for (char *each = strtok(text, ","); each; each = strtok(NULL, ",")) {
        if (count == most) fail("too many ports or processes");
        out[count++] = atoi(each);
    }
    return count;
}

static void check_options(void) {
    struct options *o = &options;
    if (strncmp(o->host, "127.", 4)) fail("only loopback addresses");
    if (o->mode == CONNECT) o->publishers = 0;
    if (o->mode == IDLE) o->publishers = 0;
    if (o->mode == ECHO || o->mode == CONNECT) o->rooms = o->connections;
    if (o->size < MARK) o->size = MARK;
    if (o->size > MAX_CONTENT) fail("--size is at most 65536");
    if (o->connections < 1 || o->rooms < 1 || o->connections > 99999) fail("--connections is 1 to 99999");
    if ((long)o->publishers * o->rooms > o->connections - o->bystanders) fail("more publishers than members");
    if (o->bystanders && o->rate <= 0) fail("--bystanders needs --rate");
    if (o->port_count < 1 || (o->apart && o->port_count < 2)) fail("--port is missing, or --apart with only one");
    if (o->port_count > 1 && o->connections % o->rooms) fail("several servers need rooms of one size");
    if (o->apart && 2 * o->publishers * o->rooms > o->connections) fail("--apart needs a member for each publisher");
    if (o->opening < 1 || o->window < 1) fail("--opening and --window are at least 1");
}

void parse_options(int count, char **arguments) {
    enum { SEND = 256, WAIT, BINARY, STREAM, SUBPROTOCOL, CORES, HOST, BYSTANDERS, DRAIN, BROKER, APART };
    static const struct option names[] = {
        {"port", 1, 0, 'p'}, {"path", 1, 0, 'u'}, {"mode", 1, 0, 'm'}, {"connections", 1, 0, 'n'},
        {"rooms", 1, 0, 'k'}, {"publishers", 1, 0, 'P'}, {"window", 1, 0, 'w'}, {"rate", 1, 0, 'r'},
        {"size", 1, 0, 'S'}, {"template", 1, 0, 't'}, {"send", 1, 0, SEND}, {"wait", 1, 0, WAIT},
        {"seconds", 1, 0, 'd'}, {"warmup", 1, 0, 'W'}, {"stop-share", 1, 0, 'x'}, {"opening", 1, 0, 'c'},
        {"deflate", 0, 0, 'z'}, {"binary", 0, 0, BINARY}, {"stream", 0, 0, STREAM},
        {"subprotocol", 1, 0, SUBPROTOCOL}, {"server", 1, 0, 's'}, {"cores", 1, 0, CORES},
        {"host", 1, 0, HOST}, {"drain", 1, 0, DRAIN}, {"bystanders", 1, 0, BYSTANDERS},
        {"broker", 1, 0, BROKER}, {"apart", 0, 0, APART}, {"verbose", 0, 0, 'v'}, {0, 0, 0, 0},
    };
    struct options *o = &options;
    int letter;
    while ((letter = getopt_long(count, arguments, "p:u:m:n:k:P:w:r:S:t:d:W:x:c:zs:v", names, 0)) != -1) {
        switch (letter) {
        case 'p': o->port_count = read_list(optarg, o->ports, MAX_PORTS); break;
        case 'u': o->path = optarg; break;
        case 'm': o->mode = mode_named(optarg); break;
        case 'n': o->connections = atoi(optarg); break;
        case 'k': o->rooms = atoi(optarg); break;
        case 'P': o->publishers = atoi(optarg); break;
        case 'w': o->window = atoi(optarg); break;
        case 'r': o->rate = atof(optarg); break;
        case 'S': o->size = atoi(optarg); break;
        case 't': o->template = optarg; break;
        case 'd': o->seconds = atof(optarg); break;
        case 'W': o->warmup = atof(optarg); break;
        case 'x': o->stop_share = atof(optarg); break;
        case 'c': o->opening = atoi(optarg); break;
        case 'z': o->deflate = true; break;
        case 'v': o->verbose++; break;
        case 's': o->pid_count = read_list(optarg, o->pids, MAX_PIDS); break;
        case BROKER: o->broker_pid_count = read_list(optarg, o->broker_pids, MAX_PIDS); break;
        case APART: o->apart = true; break;
        case SEND: add_step(false, optarg); break;
        case WAIT: add_step(true, optarg); break;
        case BINARY: o->binary = true; break;
        case STREAM: o->stream = true; break;
        case SUBPROTOCOL: o->subprotocol = optarg; break;
        case CORES: sscanf(optarg, "%d,%d", &o->server_core, &o->load_core); break;
        case BYSTANDERS: o->bystanders = atoi(optarg); break;
        case DRAIN: o->drain = atof(optarg); break;
        case HOST: o->host = optarg; break;
        default: fputs(usage, stderr); exit(2);
        }
    }
    if (optind < count) {
        fputs(usage, stderr);
        exit(2);
    }
    check_options();
}

int main(int count, char **arguments) {
    parse_options(count, arguments);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a runner that was killed leaves no load behind */
    alarm((unsigned)(options.seconds + options.warmup) + 150);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    prepare_connections();
    struct run run = {0};
    run_workload(&run);
    int status = report(&run);
    fflush(stdout);
    close_connections();
    return status;
}
