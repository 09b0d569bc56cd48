/* The pool: every item of every job is run once, by a thread of the job's, whoever comes late. */
#include "driver.h"
#include "pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

enum { CALLERS = 2, JOBS = 300, MOST_THREADS = 5, MOST_ITEMS = 70000 };

typedef struct {
  int threads, items;
  uint8_t runs[MOST_ITEMS];
  int strangers; /* items that a thread ran which is none of the job's */
} counts;

typedef struct {
  uint32_t random;
  int failed_items; /* of the job that failed; 0: none */
  counts counts;
} caller;

static int roll(caller *c, int bound) {
  c->random = c->random * 1664525 + 1013904223;
  return (int)((uint64_t)(c->random >> 8) * (uint64_t)bound >> 24);
}

static void count_item(void *context, int item, int worker) {
  counts *c = context;
  c->runs[item]++;
  if (worker < 0 || worker >= c->threads) {
    __atomic_fetch_add(&c->strangers, 1, __ATOMIC_RELAXED);
  }
  if (item % 7 == 3) {
    sched_yield();
  }
}

static void run_one(caller *c) {
  counts *n = &c->counts;
  n->items = roll(c, 50) == 0 ? MOST_ITEMS : roll(c, 40);
  for (int i = 0; i < n->items; i++) {
    n->runs[i] = 0;
  }
  calm_pool_run(count_item, n, n->items);
  for (int i = 0; i < n->items; i++) {
    if (n->runs[i] != 1) {
      c->failed_items = n->items;
    }
  }
}

static void *run_caller(void *context) {
  caller *c = context;
  for (int job = 0; job < JOBS;) {
    c->counts.threads = calm_pool_acquire(1 + roll(c, MOST_THREADS));
    for (int end = job + 1 + roll(c, 20); job < end; job++) {
      run_one(c);
    }
    calm_pool_release();
  }
  return NULL;
}

void driver_pools(void) {
  caller *callers = calloc(CALLERS, sizeof *callers);
  pthread_t threads[CALLERS];
  for (int i = 0; i < CALLERS; i++) {
    callers[i].random = (uint32_t)driver_below(1 << 30);
    driver_same_int("threads of callers", 0,
                    pthread_create(&threads[i], NULL, run_caller, &callers[i]));
  }
  for (int i = 0; i < CALLERS; i++) {
    pthread_join(threads[i], NULL);
  }
  for (int i = 0; i < CALLERS; i++) {
    driver_same_int("a job whose items were not all run once, of so many", 0,
                    callers[i].failed_items);
    driver_same_int("items run by a thread that is none of the job's", 0,
                    callers[i].counts.strangers);
  }
  free(callers);
}
