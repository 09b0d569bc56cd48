/* The SIGBUS handler and each thread's return point. */
#include "guard.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <ucontext.h>

static _Thread_local sigjmp_buf *place_of_thread;
static struct sigaction previous;
static pthread_once_t installed = PTHREAD_ONCE_INIT;

static void pass_on(int number, siginfo_t *info, void *context) {
  if (previous.sa_flags & SA_SIGINFO) {
    previous.sa_sigaction(number, info, context);
  } else if (previous.sa_handler == SIG_DFL || previous.sa_handler == SIG_IGN) {
    sigaction(number, &previous, NULL); /* the read is made again, and ends the process */
  } else {
    previous.sa_handler(number);
  }
}

/* BUS_ADRERR alone: broken memory (BUS_MCEERR_AR) is not a fault of files. */
static void on_fault(int number, siginfo_t *info, void *context) {
  sigjmp_buf *place = place_of_thread;
  if (!place || info->si_code != BUS_ADRERR) {
    pass_on(number, info, context);
    return;
  }
  /* What returning from the handler would have restored: places are made without the mask. */
  pthread_sigmask(SIG_SETMASK, &((const ucontext_t *)context)->uc_sigmask, NULL);
  siglongjmp(*place, 1);
}

static void install(void) {
  if (sigaction(SIGBUS, NULL, &previous) != 0) {
    return;
  }
  struct sigaction ours = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_RESTART};
  ours.sa_flags |= previous.sa_flags & SA_ONSTACK;
  ours.sa_mask = previous.sa_mask;
  sigaction(SIGBUS, &ours, NULL);
}

void calm_guard_install(void) { pthread_once(&installed, install); }

sigjmp_buf *calm_guard_enter(sigjmp_buf *place) {
  sigjmp_buf *before = place_of_thread;
  place_of_thread = place;
  return before;
}

void calm_guard_leave(sigjmp_buf *before) { place_of_thread = before; }

void calm_guard_raise(void) {
  sigjmp_buf *place = place_of_thread;
  if (place) {
    siglongjmp(*place, 1);
  }
}
