/*
 * Beside a busy process, a thread is displaced every few milliseconds, and each time the others
 * wait for the item that it holds, for the rest of that process's time slice. So once a worker has
 * lost its processor in two long parts of jobs within a short time, it takes turns of its own
 * accord: it runs for a turn and then rests for as long, holding no item, and the others do its
 * items. A worker that needs only half of a processor is seldom displaced. If it is the caller that
 * has been displaced, the last worker takes turns, which makes room for the busy process. After a
 * while the worker runs all the time again. It does so less often if it, or the caller, is
 * displaced again at once.
 */
#include "turns.h"

#include "clock.h"

#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/resource.h>
#include <time.h>

enum {
  LATE_NANOS = 1500000,       /* about half of a usual time slice */
  AGAIN_NANOS = 50000000,     /* between two late parts, of which the second begins the turns */
  TURN_NANOS = 2000000,       /* a turn of a worker, less than a usual time slice */
  REST_NANOS = 1800000,       /* the rest after it, which the system makes a little longer */
  SHARE_MIN_NANOS = 50000000, /* time for which a worker takes turns, at first */
  SHARE_MAX_NANOS = 400000000,
};

/* What a thread has had of its processor. */
typedef struct {
  int64_t nanos; /* time that it ran */
  long losses;   /* how often the system gave the processor to another */
} usage;

/* What a thread knows of the processor it runs on. Times are of `calm_clock`. */
static _Thread_local struct {
  int64_t start;       /* of its part of a job */
  usage begun;         /* then, if it was on guard */
  long losses;         /* of the processor, by the end of its last part that took long */
  int64_t late;        /* end of its last part that a loss may have made late */
  int64_t share_until; /* it takes turns until then */
  int64_t share_nanos; /* length of the last such time */
  int64_t turn_end;    /* of the turn that goes on, or went on last */
  int last;            /* it is the last worker of the job */
  int sharing;         /* it takes turns during this part */
} mine;

static struct {
  _Atomic int64_t share_until; /* the last worker takes turns until then, for the caller */
  atomic_int processor;        /* that it was last seen on */
} caller = {.processor = -1};

static _Atomic int64_t rests;

static usage ask_usage(void) {
  struct rusage r = {0};
  getrusage(RUSAGE_THREAD, &r); /* no losses where the system does not count them */
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (usage){(int64_t)t.tv_sec * 1000000000 + t.tv_nsec, r.ru_nivcsw};
}

/* Whether the thread took turns no longer ago than it did so. */
static int took_turns(void) {
  return mine.start - mine.share_until < mine.share_nanos;
}

/* Whether the thread took turns, or was late, a short time before its part of the job. */
static int on_guard(void) {
  return took_turns() || mine.start - mine.late < AGAIN_NANOS;
}

static void begin_part(void) {
  mine.start = calm_clock();
  if (on_guard()) {
    mine.begun = ask_usage();
  }
}

/* Whether the system gave the processor to another during the part, and for long. */
static int was_displaced(usage now, int64_t end) {
  return now.losses > mine.begun.losses &&
         end - mine.start - (now.nanos - mine.begun.nanos) > LATE_NANOS;
}

/*
 * Ends the thread's part of a job; returns the time. A part may take long because there is much to
 * do, or because a virtual machine got no processor. So a long part is looked at, and only after a
 * loss of the processor are the parts that follow measured from their begin, which costs two calls
 * of the system each.
 */
static int64_t end_part(void) {
  int64_t end = calm_clock();
  if (end - mine.start > LATE_NANOS) {
    usage now = ask_usage();
    if (end >= mine.share_until && on_guard() && was_displaced(now, end)) {
      int64_t longer = took_turns() ? 2 * mine.share_nanos : SHARE_MIN_NANOS;
      mine.share_nanos = longer < SHARE_MAX_NANOS ? longer : SHARE_MAX_NANOS;
      mine.share_until = end + mine.share_nanos;
    }
    if (now.losses != mine.losses) {
      mine.losses = now.losses;
      mine.late = end;
    }
  }
  return end;
}

void calm_caller_begin(void) {
  begin_part();
}

void calm_caller_end(void) {
  end_part();
  int processor = sched_getcpu();
  /* Stored only when they change: workers read their cache line in every job. */
  if (atomic_load_explicit(&caller.share_until, memory_order_relaxed) != mine.share_until) {
    atomic_store_explicit(&caller.share_until, mine.share_until, memory_order_relaxed);
  }
  if (atomic_load_explicit(&caller.processor, memory_order_relaxed) != processor) {
    atomic_store_explicit(&caller.processor, processor, memory_order_relaxed);
  }
}

/* Whether the worker takes turns, for itself or as the last one for the caller. */
static int takes_turns(int64_t now) {
  return now < mine.share_until ||
         (mine.last && now < atomic_load_explicit(&caller.share_until, memory_order_relaxed));
}

void calm_turn_begin(int last) {
  begin_part();
  mine.last = last;
  mine.sharing = takes_turns(mine.start);
}

int calm_turn_is_over(void) {
  return mine.sharing && calm_clock() >= mine.turn_end;
}

/* Moves the worker if it is on the caller's processor: its turns would then displace the caller. */
static void keep_apart(void) {
  cpu_set_t processors;
  int shared = atomic_load_explicit(&caller.processor, memory_order_relaxed);
  if (sched_getcpu() != shared || shared < 0 || shared >= CPU_SETSIZE ||
      sched_getaffinity(0, sizeof processors, &processors) != 0) {
    return;
  }
  cpu_set_t others = processors;
  CPU_CLR(shared, &others);
  if (CPU_COUNT(&others) > 0 && sched_setaffinity(0, sizeof others, &others) == 0) {
    sched_setaffinity(0, sizeof processors, &processors); /* it has moved, and usually stays */
  }
}

void calm_turn_end(void) {
  int64_t now = end_part();
  if (now >= mine.turn_end && takes_turns(now)) {
    nanosleep(&(struct timespec){0, REST_NANOS}, NULL);
    keep_apart();
    atomic_fetch_add_explicit(&rests, 1, memory_order_relaxed);
    mine.turn_end = calm_clock() + TURN_NANOS;
  }
}

int64_t calm_turn_rests(void) {
  return atomic_load_explicit(&rests, memory_order_relaxed);
}
