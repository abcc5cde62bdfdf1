/* The workloads of allocators-js.ts and of the two-worker bench for a malloc that is preloaded:
 *   allocators-c WORKLOAD OPERATIONS      pair-BYTES | void-BYTES | larson | larsonvoid | xmalloc-THREADS
 * Prints nanoseconds per operation (median of five), for xmalloc millions of frees a second. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 5, SLOTS = 5000, BATCH = 4096, BATCHES = 100 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

static char scratch[1 << 20];
static void *void_malloc(size_t bytes) { return scratch + (bytes & 0xfff8); }
static void void_free(void *block) { (void)block; }
static void *(*volatile take)(size_t) = malloc;
static void (*volatile give)(void *) = free;

static void pair(size_t bytes, long operations) {
  for (long i = 0; i < operations; i++) {
    volatile char *block = take(bytes);
    block[0] = (char)i;
    block[bytes - 1] = (char)i;
    give((void *)block);
  }
}

static void larson(long operations) {
  static char *slots[SLOTS];
  int32_t state = 4141;
  for (int i = 0; i < SLOTS; i++) slots[i] = take(8 + i % 993);
  for (long i = 0; i < operations; i++) {
    state ^= (int32_t)((uint32_t)state << 13);
    state ^= (int32_t)((uint32_t)state >> 17);
    state ^= (int32_t)((uint32_t)state << 5);
    uint32_t victim = ((uint32_t)state >> 1) % SLOTS;
    size_t bytes = 8 + ((uint32_t)state >> 3) % 993;
    give(slots[victim]);
    volatile char *block = take(bytes);
    block[0] = (char)i;
    block[bytes - 1] = (char)i;
    slots[victim] = (char *)block;
  }
  for (int i = 0; i < SLOTS; i++) give(slots[i]);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static void **queue[BATCHES];
static int queued;
static long rounds;

static void *worker(void *unused) {
  for (long round = 0; round < rounds; round++) {
    void **batch = take(sizeof(void *) * BATCH);
    for (int i = 0; i < BATCH; i++) memset(batch[i] = take(64), i, 64);
    pthread_mutex_lock(&mutex);
    queue[queued++] = batch;
    batch = queued > 1 || round % 2 ? queue[--queued] : NULL;
    pthread_mutex_unlock(&mutex);
    if (!batch) continue;
    for (int i = 0; i < BATCH; i++) give(batch[i]);
    give(batch);
  }
  return unused;
}

static int by_size(const void *a, const void *b) {
  return *(const double *)a < *(const double *)b ? -1 : 1;
}

int main(int argc, char **argv) {
  const char *workload = argc > 1 ? argv[1] : "pair-64";
  long operations = argc > 2 ? atol(argv[2]) : 4000000;
  const char *dash = strchr(workload, '-');
  size_t number = dash ? (size_t)atol(dash + 1) : 0;
  if (strstr(workload, "void")) take = void_malloc, give = void_free;
  if (!strncmp(workload, "xmalloc", 7)) {
    pthread_t threads[16];
    rounds = operations / BATCH / (long)number;
    double started = now();
    for (size_t i = 0; i < number; i++) pthread_create(&threads[i], 0, worker, 0);
    for (size_t i = 0; i < number; i++) pthread_join(threads[i], 0);
    printf("%.2f\n", rounds * BATCH * number * 1e3 / (now() - started));
    return 0;
  }
  double samples[ROUNDS];
  for (int round = -1; round < ROUNDS; round++) {
    double started = now();
    if (!strncmp(workload, "larson", 6)) larson(operations);
    else pair(number, operations);
    if (round >= 0) samples[round] = (now() - started) / operations;
  }
  qsort(samples, ROUNDS, sizeof(double), by_size);
  printf("%.2f\n", samples[ROUNDS / 2]);
  return 0;
}
