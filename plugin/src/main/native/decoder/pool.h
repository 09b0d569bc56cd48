/* One pool of threads for the process, shared by all models: one job runs at a time. */
#ifndef CALM_POOL_H
#define CALM_POOL_H

#include <stdint.h>

/* Runs one item of a job; `worker` is below the job's number of threads. */
typedef void (*calm_task)(void *context, int item, int worker);

/*
 * Returns `threads`, or the processors that this process may run on if they are fewer: more threads
 * would only take turns.
 */
int calm_pool_useful(int threads);

/*
 * Takes the pool for a step of up to `threads` threads, the caller included, starting those that
 * are missing. Returns the threads there are: fewer where the system has no more.
 */
int calm_pool_acquire(int threads);

/*
 * Runs items 0 .. items - 1, in any order, and returns when all are done. If one of them reads
 * beyond the end of a mapped file, the caller goes on at its place (guard.h), items left undone.
 */
void calm_pool_run(calm_task task, void *context, int items);

void calm_pool_release(void);

#endif
