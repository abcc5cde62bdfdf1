// The floor: what an HTTP answer costs when nothing but the kernel is asked. One thread, epoll,
// level-triggered, one read and one write per event, a fixed answer per blank line it finds. It
// checks nothing, so no server that does its duty can be expected to cost less.
//   gcc -O2 -o epoll epoll.c && ./epoll PORT
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FD_MAX = 65536, INPUT_BYTES = 16384, EVENTS = 512, ANSWERS_MAX = 512 };

static const char KEEP[] =
    "HTTP/1.1 200 OK\r\nDate: Mon, 23 Nov 2026 06:00:00 GMT\r\n"
    "Content-Type: text/plain;charset=utf-8\r\nContent-Length: 13\r\n\r\nHello, World!";
static const char CLOSE[] =
    "HTTP/1.1 200 OK\r\nDate: Mon, 23 Nov 2026 06:00:00 GMT\r\nConnection: close\r\n"
    "Content-Type: text/plain;charset=utf-8\r\nContent-Length: 13\r\n\r\nHello, World!";

struct conn {
  int held;
  char input[INPUT_BYTES];
};

static struct conn *conns[FD_MAX];
static char answers[ANSWERS_MAX * sizeof KEEP];

static void drop(int fd) {
  free(conns[fd]);
  conns[fd] = NULL;
  close(fd);
}

static void accept_all(int listener, int epoll) {
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (fd < 0) return;
    if (fd >= FD_MAX) {
      close(fd);
      continue;
    }
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    conns[fd] = malloc(sizeof *conns[fd]);
    conns[fd]->held = 0;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  }
}

// The measured clients always read, so that a short write means a broken run: the peer is dropped.
static void answer(int fd) {
  struct conn *conn = conns[fd];
  ssize_t got = read(fd, conn->input + conn->held, INPUT_BYTES - conn->held);
  if (got <= 0) {
    if (got == 0 || errno != EAGAIN) drop(fd);
    return;
  }
  char *end = conn->input + conn->held + got;
  char *head = conn->input;
  int count = 0;
  for (char *blank; (blank = memmem(head, end - head, "\r\n\r\n", 4)) != NULL; head = blank + 4)
    count++;
  int closing = count > 0 && memmem(conn->input, end - conn->input, "Connection: close", 17) != NULL;
  conn->held = end - head;
  if (conn->held > 0) memmove(conn->input, head, conn->held);
  if (closing) {
    if (write(fd, CLOSE, sizeof CLOSE - 1) < 0) perror("write");
    drop(fd);
    return;
  }
  while (count > 0) {
    int batch = count < ANSWERS_MAX ? count : ANSWERS_MAX;
    size_t bytes = batch * (sizeof KEEP - 1);
    if (write(fd, answers, bytes) != (ssize_t)bytes) return drop(fd);
    count -= batch;
  }
  if (conn->held == INPUT_BYTES) drop(fd);
}

int main(int argc, char **argv) {
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons(argc > 1 ? atoi(argv[1]) : 8080),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
      listen(listener, 4096) != 0) {
    perror("listen");
    return 1;
  }
  for (int index = 0; index < ANSWERS_MAX; index++)
    memcpy(answers + index * (sizeof KEEP - 1), KEEP, sizeof KEEP - 1);
  int epoll = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[EVENTS];
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
  for (;;) {
    int count = epoll_wait(epoll, events, EVENTS, -1);
    for (int index = 0; index < count; index++) {
      int fd = events[index].data.fd;
      if (fd == listener) accept_all(listener, epoll);
      else answer(fd);
    }
  }
}
