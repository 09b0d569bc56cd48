/* Turns that the pool's workers take with a busy process, so that it need not displace them. */
#ifndef CALM_TURNS_H
#define CALM_TURNS_H

#include <stdint.h>

/* Around the caller's part of a job, the wait for the workers' items included. */
void calm_caller_begin(void);
void calm_caller_end(void);

/*
 * Around a worker's part of a job; `last` says whether it is the last of the job's threads. The end
 * of a part is where a worker rests after its turn, so it must hold no item then.
 */
void calm_turn_begin(int last);
void calm_turn_end(void);

/* Whether this thread is a worker that takes turns and should end its part of the job now. */
int calm_turn_is_over(void);

/* Number of rests that workers have taken, in this process. */
int64_t calm_turn_rests(void);

#endif
