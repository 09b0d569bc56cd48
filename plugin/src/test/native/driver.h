/*
 * The driver: checks every kernel variant that this processor runs against plain loops written from
 * docs/reference/w4a8.md. It needs no Java, so sanitizers and emulators can run it. The kernels run
 * on one thread, with memory of exactly the size that a contract names, so a read past the end is
 * detected. The driver also checks the thread pool.
 */
#ifndef CALM_DRIVER_H
#define CALM_DRIVER_H

#include "search.h"

/* ---- random numbers of the running case ---- */

uint64_t driver_seed(void);
int driver_below(int bound);    /* 0 .. bound - 1 */
float driver_uniform(void);     /* -1 .. 1 */
float driver_number(void);      /* of any magnitude that activations have */
uint16_t driver_half_bits(void); /* a finite float16 */

/* ---- memory of the running case, freed at its end ---- */

void *driver_aligned(size_t bytes); /* to 64, zeroed */
float *driver_floats(size_t count); /* as malloc aligns, all driver_untouched */
float *driver_numbers(size_t count);
void driver_release(int pieces); /* the last ones, before the case ends */
extern const float driver_untouched;

/* ---- expectations; the first difference ends the program ---- */

/* Describes the case, for the message. */
void driver_describe(const char *format, ...) __attribute__((format(printf, 1, 2)));
void driver_same_floats(const char *what, const float *expected, const float *actual,
                        size_t count);
void driver_same_bytes(const char *what, const void *expected, const void *actual, size_t count);
void driver_same_int(const char *what, int64_t expected, int64_t actual);

/* ---- arithmetic ---- */

float driver_half_value(uint16_t bits);
float driver_round_half(float x); /* to the nearest float16, at most 65504 in magnitude */
float driver_round_code(float x, float scale);
float driver_scale(const float *x, int count); /* of int8 codes */
float driver_exp(float x);
float driver_sum_lanes(float lanes[16]); /* overwrites them */

/* ---- the cases ---- */

void driver_linears(const calm_kernels *k);
void driver_tables(const calm_kernels *k);
void driver_vectors(const calm_kernels *k);
void driver_attentions(const calm_kernels *k);
void driver_searches(const calm_search_kernels *k);
void driver_pools(void);
void driver_neighbour(void);
void driver_faults(void);

#endif
