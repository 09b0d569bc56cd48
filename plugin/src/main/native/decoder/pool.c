/*
 * Worker threads spin briefly after a job, because the next job of a step follows at once, and then
 * sleep on the job's number. A job is published by one word; with the task, it tells a worker its
 * own range. One cache line goes to each worker, and one comes back. A worker that is none of the
 * step's threads sleeps until a step has so many: it neither spins nor is woken by every job.
 *
 * Each thread has a range of a job's items and takes them from its front. A thread that has none
 * left takes from the back of another's range, so threads share a cache line only at the end. A
 * range becomes the job's when a thread first takes an item of it. It holds its job's number, so a
 * late worker takes nothing of a later job. A job is done when its items are: a worker that the
 * system keeps from running delays it only if it holds an item. The caller spins for such an item
 * too, and then sleeps, so that its processor is free for the late worker. Beside a busy process,
 * workers take turns with it (turns.h).
 *
 * An item that reads beyond the end of a mapped file (guard.h) counts as done, items after it are
 * skipped, and the caller goes on at its own place once no thread holds an item any more.
 */
#include "pool.h"

#include "clock.h"
#include "guard.h"
#include "turns.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
  MAX_THREADS = 255,   /* fit the byte of a job's word */
  MAX_ITEMS = 0xffff,  /* fit the two bytes of a job's word and of a range's */
  SPIN_NANOS = 100000, /* of a worker after a job */
  WAIT_NANOS = 100000, /* of the caller for other threads' items before it sleeps */
};

/* Numbers wrap around early in every process, so that this is no rare event. */
#define FIRST_NUMBER 0xffffff00u

/* A job as its word has it: items << 40 | threads << 32 | number. */
typedef struct {
  uint32_t number;
  int threads, items;
} job;

/* Items that a thread has left: number << 32 | first << 16 | end. */
typedef struct {
  _Alignas(64) _Atomic uint64_t items;
} range;

static struct {
  pthread_mutex_t lock;
  int workers; /* threads started, the callers not among them */
  int threads; /* of the step that holds the pool */
  range ranges[MAX_THREADS];
  _Alignas(64) union {
    _Atomic uint64_t word;
    _Atomic uint32_t number; /* what workers sleep on: its lower half */
  } job;
  calm_task task; /* of the job, like the context: read by those that hold an item of it */
  void *context;
  _Alignas(64) _Atomic uint32_t done; /* items that workers have done, of all jobs */
  atomic_int faulted;                 /* an item has, since the pool was taken */
  atomic_int waiting;                 /* the caller sleeps on `done` */
  _Alignas(64) atomic_int sleeping;   /* workers on the job's number */
  _Atomic uint32_t wanted;            /* threads of the latest step; other workers sleep on it */
} pool = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .job = {FIRST_NUMBER}, /* of no threads, so no thread has an item of it */
    .done = FIRST_NUMBER,
};

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "a job's number is the word's lower half");

static void relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static void sleep_on(_Atomic uint32_t *word, uint32_t seen) {
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void wake(_Atomic uint32_t *word) {
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, MAX_THREADS, NULL, NULL, 0);
}

static uint64_t word_of(job j) {
  return (uint64_t)j.items << 40 | (uint64_t)j.threads << 32 | j.number;
}

static job job_of(uint64_t word) {
  return (job){(uint32_t)word, (int)(word >> 32 & 0xff), (int)(word >> 40)};
}

static uint64_t range_of(uint32_t number, int first, int end) {
  return (uint64_t)number << 32 | (uint64_t)first << 16 | (uint64_t)end;
}

/* Takes the first or the last item that a thread has left of a job; -1 if it has none. */
static int take(job j, int thread, int last) {
  range *from = &pool.ranges[thread];
  uint64_t items = atomic_load_explicit(&from->items, memory_order_acquire);
  for (;;) {
    int32_t age = (int32_t)(j.number - (uint32_t)(items >> 32));
    if (age < 0) {
      return -1; /* the job is long done */
    }
    uint64_t left = age == 0 ? items
                             : range_of(j.number, (int)((int64_t)j.items * thread / j.threads),
                                        (int)((int64_t)j.items * (thread + 1) / j.threads));
    int first = left >> 16 & MAX_ITEMS, end = left & MAX_ITEMS;
    if (first >= end) {
      return -1;
    }
    uint64_t rest = last ? left - 1 : left + (1 << 16);
    if (atomic_compare_exchange_weak_explicit(&from->items, &items, rest, memory_order_acq_rel,
                                              memory_order_acquire)) {
      return last ? end - 1 : first;
    }
  }
}

/* Runs an item, unless one before it has faulted. */
static void run_item(int item, int worker) {
  if (!atomic_load_explicit(&pool.faulted, memory_order_relaxed)) {
    pool.task(pool.context, item, worker);
  }
}

/* Runs `item` and the rest of a thread's items, or those of this turn; returns their number. */
static int run_from(int item, job j, int thread, int worker) {
  volatile int done = 0, next = item; /* known after a fault too */
  sigjmp_buf place;
  sigjmp_buf *before = calm_guard_enter(&place);
  if (sigsetjmp(place, 0) != 0) {
    atomic_store(&pool.faulted, 1);
    done++;
    next = take(j, thread, thread != worker);
  }
  for (; next >= 0; next = take(j, thread, thread != worker)) {
    run_item(next, worker);
    done++;
    if (calm_turn_is_over()) {
      break;
    }
  }
  calm_guard_leave(before);
  return done;
}

/* Runs the rest of a thread's items, or those of this turn; returns their number. */
static int run_items(job j, int thread, int worker) {
  int item = take(j, thread, thread != worker);
  return item < 0 ? 0 : run_from(item, j, thread, worker);
}

/* Runs items of a job until it has none left or the worker's turn is over. */
static void work(job j, int worker) {
  calm_turn_begin(worker == j.threads - 1);
  for (int i = 0; i < j.threads && !calm_turn_is_over(); i++) {
    int done = run_items(j, (worker + i) % j.threads, worker);
    if (done > 0) {
      atomic_fetch_add(&pool.done, (uint32_t)done);
      if (atomic_load(&pool.waiting)) {
        wake(&pool.done);
      }
    }
  }
  calm_turn_end();
}

/* Returns the job after number `seen`, or a later one. */
static job await_job(uint32_t seen) {
  int64_t end = calm_clock() + SPIN_NANOS;
  for (int i = 1;; i++) {
    job j = job_of(atomic_load_explicit(&pool.job.word, memory_order_acquire));
    if (j.number != seen) {
      return j;
    }
    relax();
    if (i % 64 == 0 && calm_clock() > end) {
      atomic_fetch_add(&pool.sleeping, 1);
      while (atomic_load(&pool.job.number) == seen) {
        sleep_on(&pool.job.number, seen);
      }
      atomic_fetch_sub(&pool.sleeping, 1);
    }
  }
}

/* Returns once the latest step has so many threads that the worker is one of them. */
static void await_step(int worker) {
  for (;;) {
    uint32_t wanted = atomic_load(&pool.wanted);
    if (worker < (int)wanted) {
      return;
    }
    sleep_on(&pool.wanted, wanted);
  }
}

/* `argument` is the worker's number, 1 or more. */
static void *run_worker(void *argument) {
  int worker = (int)(intptr_t)argument;
  job j = {0, 0, 0};
  for (;;) {
    await_step(worker);
    j = await_job(j.number);
    if (worker < j.threads) {
      work(j, worker);
    }
  }
  return NULL;
}

int calm_pool_useful(int threads) {
  cpu_set_t processors;
  if (sched_getaffinity(0, sizeof processors, &processors) != 0) {
    return threads; /* a machine with more processors than the set has room for */
  }
  int count = CPU_COUNT(&processors);
  return threads < count ? threads : count;
}

/* Whether this thread runs a step without the pool, so that it need not wait for another's step. */
static _Thread_local int alone;

int calm_pool_acquire(int threads) {
  if (threads == 1) {
    alone = 1;
    return 1;
  }
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
  if (atomic_exchange(&pool.wanted, (uint32_t)pool.threads) < (uint32_t)pool.threads) {
    wake(&pool.wanted);
  }
  atomic_store(&pool.faulted, 0);
  /* A range that no job has had items for in a long time must not be taken for a later job's. */
  uint32_t number = atomic_load_explicit(&pool.job.number, memory_order_relaxed);
  for (int i = 0; i < pool.threads; i++) {
    atomic_store_explicit(&pool.ranges[i].items, range_of(number, 0, 0), memory_order_release);
  }
  return pool.threads;
}

void calm_pool_release(void) {
  if (alone) {
    alone = 0;
  } else {
    pthread_mutex_unlock(&pool.lock);
  }
}

/* Returns when workers have done `items` since they had done `before`. */
static void await_items(uint32_t before, uint32_t items) {
  int64_t start = 0;
  for (int i = 1;; i++) {
    uint32_t done = atomic_load_explicit(&pool.done, memory_order_acquire);
    if (done - before >= items) {
      return;
    }
    relax();
    if (i % 64 != 0) {
      continue;
    }
    int64_t now = calm_clock();
    start = start == 0 ? now : start;
    if (now - start > WAIT_NANOS) {
      atomic_store(&pool.waiting, 1);
      while ((done = atomic_load(&pool.done)) - before < items) {
        sleep_on(&pool.done, done);
      }
      atomic_store(&pool.waiting, 0);
      return;
    }
  }
}

/* Returns when all items are done; after a fault not at all if the caller has a place. */
static void run_job(calm_task task, void *context, int items) {
  uint32_t before = atomic_load_explicit(&pool.done, memory_order_relaxed);
  job j = {atomic_load_explicit(&pool.job.number, memory_order_relaxed) + 1, pool.threads, items};
  pool.task = task;
  pool.context = context;
  atomic_store(&pool.job.word, word_of(j));
  if (atomic_load(&pool.sleeping) > 0) {
    wake(&pool.job.number);
  }
  calm_caller_begin();
  uint32_t left = (uint32_t)items; /* to the workers */
  for (int thread = 0; thread < j.threads; thread++) {
    left -= (uint32_t)run_items(j, thread, 0);
  }
  await_items(before, left);
  calm_caller_end();
  if (atomic_load_explicit(&pool.faulted, memory_order_relaxed)) {
    calm_guard_raise();
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
  if (items <= 1 || alone || pool.threads == 1) {
    for (int item = 0; item < items; item++) {
      task(context, item, 0);
    }
    return;
  }
  if (items <= MAX_ITEMS) {
    run_job(task, context, items);
    return;
  }
  for (int first = 0; first < items; first += MAX_ITEMS) {
    shifted s = {task, context, first};
    run_job(run_shifted, &s, items - first < MAX_ITEMS ? items - first : MAX_ITEMS);
  }
}
