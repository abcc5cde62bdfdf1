// The client of the framed echo: CONNECTIONS connections with IN_FLIGHT frames of PAYLOAD bytes on
// their way, each behind a length of 4 bytes. Answers are counted by their bytes; each is replaced
// by a new frame, all that one read brings by one write. A client in JavaScript is as busy as the
// servers are: then all of them seem to cost the same.
//   framed-load PORT CONNECTIONS IN_FLIGHT PAYLOAD
// For each line of its standard input it prints how many answers have come, and in how many pieces;
// it ends with it.

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FRAMES_PER_WRITE = 64, EVENTS = 256, READ_BYTES = 65536 };

struct connection {
  int fd;
  size_t partial;  // bytes of an answer that is not whole yet
  size_t owed;     // bytes to send: whole frames, and the rest of one that was cut
};

static char *frames;
static size_t wire_bytes, frames_bytes;
static uint64_t answered, answers;  // frames, and pieces in which they came

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void pay(struct connection *one) {
  while (one->owed > 0) {
    // What is left of a frame that was cut goes first; frames look all the same.
    size_t cut = one->owed % wire_bytes;
    size_t start = cut == 0 ? 0 : wire_bytes - cut;
    size_t count = one->owed < frames_bytes - start ? one->owed : frames_bytes - start;
    ssize_t sent = send(one->fd, frames + start, count, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) fail("send");
    if (sent <= 0) return;
    one->owed -= (size_t)sent;
  }
}

static void collect(struct connection *one) {
  static char bytes[READ_BYTES];
  ssize_t count = recv(one->fd, bytes, sizeof bytes, MSG_DONTWAIT);
  if (count == 0) {
    fputs("a connection was closed\n", stderr);
    exit(1);
  }
  if (count < 0) {
    if (errno != EAGAIN) fail("recv");
    return;
  }
  answers++;
  one->partial += (size_t)count;
  size_t whole = one->partial / wire_bytes;
  one->partial -= whole * wire_bytes;
  answered += whole;
  one->owed += whole * wire_bytes;
}

static void connect_to(struct connection *one, uint16_t port, int poller) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int on = 1;
  one->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (one->fd < 0) fail("socket");
  if (connect(one->fd, (struct sockaddr *)&address, sizeof address) < 0) fail("connect");
  setsockopt(one->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = one};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, one->fd, &event) < 0) fail("epoll_ctl");
}

/** Returns when there is no more input. */
static void answer_questions(void) {
  char line[64];
  ssize_t count = read(STDIN_FILENO, line, sizeof line);
  if (count <= 0) exit(0);
  for (ssize_t at = 0; at < count; at++) {
    if (line[at] != '\n') continue;
    printf("%llu %llu\n", (unsigned long long)answered, (unsigned long long)answers);
  }
  fflush(stdout);
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fputs("usage: framed-load PORT CONNECTIONS IN_FLIGHT PAYLOAD\n", stderr);
    return 2;
  }
  size_t connections = strtoul(argv[2], NULL, 10);
  size_t in_flight = strtoul(argv[3], NULL, 10);
  uint32_t payload = (uint32_t)strtoul(argv[4], NULL, 10);
  wire_bytes = payload + 4;
  frames_bytes = wire_bytes * FRAMES_PER_WRITE;
  frames = malloc(frames_bytes);
  struct connection *all = calloc(connections, sizeof *all);
  if (frames == NULL || all == NULL) fail("malloc");
  memset(frames, '.', frames_bytes);
  uint32_t head = htonl(payload);
  for (size_t at = 0; at < frames_bytes; at += wire_bytes) memcpy(frames + at, &head, 4);

  int poller = epoll_create1(0);
  if (poller < 0) fail("epoll_create1");
  struct epoll_event questions = {.events = EPOLLIN, .data.ptr = NULL};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, STDIN_FILENO, &questions) < 0) fail("epoll_ctl");
  for (size_t index = 0; index < connections; index++) {
    connect_to(&all[index], (uint16_t)strtoul(argv[1], NULL, 10), poller);
    all[index].owed = in_flight * wire_bytes;
    pay(&all[index]);
  }
  for (;;) {
    struct epoll_event events[EVENTS];
    int count = epoll_wait(poller, events, EVENTS, -1);
    if (count < 0 && errno != EINTR) fail("epoll_wait");
    for (int index = 0; index < count; index++) {
      struct connection *one = events[index].data.ptr;
      if (one == NULL) {
        answer_questions();
        continue;
      }
      if (events[index].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) collect(one);
      pay(one);
    }
  }
}
