/*
 * Threads that spin for a moment after a job, since the next one of a step comes at once, and then
 * sleep on the job's word: its number, and in the low byte its threads, so that a worker reads both
 * at once.
 *
 * Each thread has a range of a job's items and takes them from its front; one that has none left
 * takes from the back of another's, so threads meet on a cache line only at the end. A range holds
 * its job's number too, so a worker that comes late takes nothing of a later job, and a job is done
 * when its items are: nobody waits for a worker that the system keeps from running, unless it holds
 * an item.
 */
#include "pool.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
  MAX_THREADS = 255, /* fit the low byte of a job's word */
  SPIN_NANOS = 200000, /* of a worker after a job */
  YIELD_AFTER = 2000,  /* looks at a counter before giving the processor away */
  ITEM_BITS = 20,
  ITEM_MASK = (1 << ITEM_BITS) - 1,
};

/* Items that a thread has left: number << 40 | first << 20 | end. */
typedef struct {
  _Alignas(64) _Atomic uint64_t items;
} range;

static struct {
  pthread_mutex_t lock;
  int workers; /* threads started, the callers not among them */
  int threads; /* of the step that holds the pool */
  calm_task task; /* of the job, like the context: read by those that hold an item of it */
  void *context;
  range ranges[MAX_THREADS];
  _Alignas(64) atomic_int left; /* items that are not done */
  _Alignas(64) atomic_uint job; /* number << 8 | threads */
  atomic_int sleeping;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER};

int64_t calm_clock(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t calm_ticks(void) {
#if defined(__x86_64__)
  return (int64_t)__builtin_ia32_rdtsc();
#elif defined(__aarch64__)
  int64_t ticks;
  __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
  return ticks;
#else
  return calm_clock();
#endif
}

static void relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static uint64_t range_of(unsigned number, int first, int end) {
  return (uint64_t)number << 2 * ITEM_BITS | (uint64_t)first << ITEM_BITS | (uint64_t)end;
}

/* Takes the first or the last item of a range of the job of that number; -1 if it has none. */
static int take(range *from, unsigned number, int last) {
  uint64_t items = atomic_load_explicit(&from->items, memory_order_acquire);
  for (;;) {
    int first = items >> ITEM_BITS & ITEM_MASK, end = items & ITEM_MASK;
    if (items >> 2 * ITEM_BITS != number || first >= end) {
      return -1;
    }
    uint64_t rest = last ? items - 1 : items + (1 << ITEM_BITS);
    if (atomic_compare_exchange_weak_explicit(&from->items, &items, rest, memory_order_acq_rel,
                                              memory_order_acquire)) {
      return last ? end - 1 : first;
    }
  }
}

/* Runs items of the job of that number, shared by so many threads, while there are any. */
static void work(unsigned number, int worker, int threads) {
  for (int i = 0; i < threads; i++) {
    range *from = &pool.ranges[(worker + i) % threads];
    int done = 0;
    for (int item = take(from, number, i); item >= 0; item = take(from, number, i)) {
      pool.task(pool.context, item, worker);
      done++;
    }
    if (done > 0) {
      atomic_fetch_sub_explicit(&pool.left, done, memory_order_release);
    }
  }
}

/* Returns the word of a job after `seen`. */
static unsigned await_job(unsigned seen) {
  int64_t end = calm_clock() + SPIN_NANOS;
  for (int i = 1;; i++) {
    unsigned job = atomic_load_explicit(&pool.job, memory_order_acquire);
    if (job != seen) {
      return job;
    }
    relax();
    if (i % 64 == 0 && calm_clock() > end) {
      atomic_fetch_add(&pool.sleeping, 1);
      while (atomic_load(&pool.job) == seen) {
        syscall(SYS_futex, &pool.job, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
      }
      atomic_fetch_sub(&pool.sleeping, 1);
    }
  }
}

/* `argument` is the worker's number, 1 or more. */
static void *run_worker(void *argument) {
  int worker = (int)(intptr_t)argument;
  unsigned seen = 0;
  for (;;) {
    seen = await_job(seen);
    if (worker < (int)(seen & 255)) {
      work(seen >> 8, worker, (int)(seen & 255));
    }
  }
  return NULL;
}

int calm_pool_acquire(int threads) {
  pthread_mutex_lock(&pool.lock);
  if (threads > MAX_THREADS) {
    threads = MAX_THREADS;
  }
  pthread_attr_t detached;
  pthread_attr_init(&detached);
  pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
  while (pool.workers < threads - 1) {
    pthread_t thread;
    intptr_t worker = pool.workers + 1;
    if (pthread_create(&thread, &detached, run_worker, (void *)worker) != 0) {
      break;
    }
    pool.workers++;
  }
  pthread_attr_destroy(&detached);
  pool.threads = threads <= pool.workers + 1 ? threads : pool.workers + 1;
  return pool.threads;
}

void calm_pool_release(void) { pthread_mutex_unlock(&pool.lock); }

static void run_job(calm_task task, void *context, int items) {
  pool.task = task;
  pool.context = context;
  unsigned number = ((atomic_load_explicit(&pool.job, memory_order_relaxed) >> 8) + 1) & 0xffffff;
  atomic_store_explicit(&pool.left, items, memory_order_relaxed);
  int threads = pool.threads;
  for (int i = 0; i < threads; i++) {
    int first = (int)((int64_t)items * i / threads), end = (int)((int64_t)items * (i + 1) / threads);
    atomic_store_explicit(&pool.ranges[i].items, range_of(number, first, end),
                          memory_order_release);
  }
  atomic_store(&pool.job, number << 8 | (unsigned)threads);
  if (atomic_load(&pool.sleeping) > 0) {
    syscall(SYS_futex, &pool.job, FUTEX_WAKE_PRIVATE, MAX_THREADS, NULL, NULL, 0);
  }
  work(number, 0, threads);
  for (int i = 0; atomic_load_explicit(&pool.left, memory_order_acquire) > 0; i++) {
    if (i < YIELD_AFTER) {
      relax();
    } else {
      sched_yield();
    }
  }
}

/* An item with the number of the job's first. */
typedef struct {
  calm_task task;
  void *context;
  int first;
} shifted;

static void run_shifted(void *context, int item, int worker) {
  const shifted *s = context;
  s->task(s->context, s->first + item, worker);
}

void calm_pool_run(calm_task task, void *context, int items) {
  if (items <= 1 || pool.threads == 1) {
    for (int item = 0; item < items; item++) {
      task(context, item, 0);
    }
    return;
  }
  if (items <= (int)ITEM_MASK) {
    run_job(task, context, items);
    return;
  }
  for (int first = 0; first < items; first += (int)ITEM_MASK) {
    shifted s = {task, context, first};
    run_job(run_shifted, &s, items - first < (int)ITEM_MASK ? items - first : (int)ITEM_MASK);
  }
}
