/* The clocks that measure the work of threads. */
#ifndef CALM_CLOCK_H
#define CALM_CLOCK_H

#include <stdint.h>

/* Nanoseconds of a steady clock. */
int64_t calm_clock(void);

/* The same in units of the processor's own counter, read in a few cycles. */
int64_t calm_ticks(void);

#endif
