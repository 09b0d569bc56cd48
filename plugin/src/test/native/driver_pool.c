/* Checks the pool: a job's items run once each, by its threads, even if some are late. */
#include "driver.h"
#include "clock.h"
#include "guard.h"
#include "pool.h"
#include "turns.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

enum { CALLERS = 2, JOBS = 300, MAX_THREADS = 5, MAX_ITEMS = 70000 };

typedef struct {
  int threads, items;
  uint8_t runs[MAX_ITEMS];
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
  n->items = roll(c, 50) == 0 ? MAX_ITEMS : roll(c, 40);
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
    c->counts.threads = calm_pool_acquire(1 + roll(c, MAX_THREADS));
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

/* ---- a worker beside a busy process ---- */

enum {
  SPIN_NANOS = 20000, /* of an item */
  SHARED_ITEMS = 50,
  RESTS = 20,    /* that the worker must take */
  PATIENCE = 20, /* seconds */
};

typedef struct {
  int processor; /* of the busy thread, which the worker is bound to */
  atomic_int busy;
  long switches; /* of the busy thread, which the system made */
  int runs[SHARED_ITEMS];
} neighbourhood;

static void bind_to(int processor) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(processor, &one);
  sched_setaffinity(0, sizeof one, &one);
}

static void share_processor(void *context, int item, int worker) {
  neighbourhood *n = context;
  if (worker != 0 && sched_getcpu() != n->processor) {
    bind_to(n->processor);
  }
  for (int64_t end = calm_clock() + SPIN_NANOS; calm_clock() < end;) {
  }
  n->runs[item]++;
}

static void *keep_busy(void *context) {
  neighbourhood *n = context;
  bind_to(n->processor);
  while (atomic_load_explicit(&n->busy, memory_order_relaxed)) {
  }
  struct rusage usage;
  getrusage(RUSAGE_THREAD, &usage);
  n->switches = usage.ru_nivcsw;
  return NULL;
}

/* Lets the worker of two threads run where the caller does. */
typedef struct {
  cpu_set_t processors;
  atomic_int released;
} release;

static void release_worker(void *context, int item, int worker) {
  (void)item;
  release *r = context;
  if (worker != 0) {
    sched_setaffinity(0, sizeof r->processors, &r->processors);
    atomic_store(&r->released, 1);
  }
  for (int64_t end = calm_clock() + SPIN_NANOS; calm_clock() < end;) {
  }
}

/* A worker that shares its processor rests of its own accord, and no item is lost. */
void driver_neighbour(void) {
  neighbourhood n = {.processor = sched_getcpu(), .busy = 1};
  driver_same_int("threads", 2, calm_pool_acquire(2));
  pthread_t thread;
  driver_same_int("a busy thread", 0, pthread_create(&thread, NULL, keep_busy, &n));
  int64_t before = calm_turn_rests(), end = calm_clock() + PATIENCE * 1000000000ll;
  int jobs = 0;
  for (; calm_turn_rests() - before < RESTS && calm_clock() < end; jobs++) {
    calm_pool_run(share_processor, &n, SHARED_ITEMS);
  }
  atomic_store(&n.busy, 0);
  pthread_join(thread, NULL);
  release r = {.released = 0};
  sched_getaffinity(0, sizeof r.processors, &r.processors);
  while (!atomic_load(&r.released)) {
    calm_pool_run(release_worker, &r, SHARED_ITEMS);
  }
  calm_pool_release();
  for (int i = 0; i < SHARED_ITEMS; i++) {
    driver_same_int("runs of an item beside a busy process", jobs, n.runs[i]);
  }
  int64_t rests = calm_turn_rests() - before;
  if (rests == 0 && n.switches == 0) {
    printf("pool: rests are not checked: this system counts no displaced threads\n");
  } else {
    driver_same_int("rests of the worker, of so many", RESTS, rests < RESTS ? rests : RESTS);
  }
}

/* ---- faults ---- */

enum { FAULT_JOBS = 200, FAULT_ITEMS = 50, PAGE = 4096 };

typedef struct {
  const volatile uint8_t *pages; /* FAULT_ITEMS of them, those from `cut` on beyond the file */
  int cut;
  int runs[FAULT_ITEMS];
} faulty;

static void read_page(void *context, int item, int worker) {
  (void)worker;
  faulty *f = context;
  f->runs[item] += 1 + f->pages[(size_t)item * PAGE];
}

/* Returns whether the job finished. */
static int run_faulty(faulty *f, int threads) {
  volatile int whole = 0;
  calm_pool_acquire(threads);
  sigjmp_buf place;
  sigjmp_buf *before = calm_guard_enter(&place);
  if (sigsetjmp(place, 0) == 0) {
    calm_pool_run(read_page, f, FAULT_ITEMS);
    whole = 1;
  }
  calm_guard_leave(before);
  calm_pool_release();
  return whole;
}

static void count_runs(void *context, int item, int worker) {
  (void)worker;
  ((int *)context)[item]++;
}

/* A job that reads a truncated file ends with a failure in its caller; the next job runs whole. */
void driver_faults(void) {
  calm_guard_install();
  FILE *file = tmpfile();
  size_t bytes = (size_t)FAULT_ITEMS * PAGE;
  driver_same_int("the file's size is set", 0, ftruncate(fileno(file), (off_t)bytes));
  void *pages = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fileno(file), 0);
  for (int job = 0; job < FAULT_JOBS; job++) {
    faulty f = {.pages = pages, .cut = driver_below(FAULT_ITEMS + 1)};
    driver_same_int("the file is cut", 0, ftruncate(fileno(file), (off_t)f.cut * PAGE));
    int threads = 1 + driver_below(MAX_THREADS);
    driver_same_int("a job whose file is whole came to its end", f.cut == FAULT_ITEMS,
                    run_faulty(&f, threads));
    for (int i = 0; i < FAULT_ITEMS; i++) {
      driver_same_int("an item was run more than once", 0, f.runs[i] > 1);
    }
    int runs[FAULT_ITEMS] = {0};
    calm_pool_acquire(threads);
    calm_pool_run(count_runs, runs, FAULT_ITEMS);
    calm_pool_release();
    for (int i = 0; i < FAULT_ITEMS; i++) {
      driver_same_int("runs of an item after a fault", 1, runs[i]);
    }
  }
  munmap(pages, bytes);
  fclose(file);
}
