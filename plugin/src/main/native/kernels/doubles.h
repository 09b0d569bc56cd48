/* Sixteen float64 sums of sixteen float32 lanes, in whatever registers the variant has. */
#ifndef CALM_DOUBLES_H
#define CALM_DOUBLES_H

#include "lanes.h"

#if defined(__AVX512F__) && defined(__AVX512BW__)

typedef struct {
  __m512d v[2];
} doubles;

static inline doubles doubles_zero(void) {
  return (doubles){{_mm512_setzero_pd(), _mm512_setzero_pd()}};
}
static inline doubles doubles_add(doubles sums, lanes a) {
  __m512d low = _mm512_cvtps_pd(_mm512_castps512_ps256(a.v));
  __m512d high = _mm512_cvtps_pd(_mm512_extractf32x8_ps(a.v, 1));
  return (doubles){{_mm512_add_pd(sums.v[0], low), _mm512_add_pd(sums.v[1], high)}};
}
static inline void doubles_store(double *p, doubles sums) {
  _mm512_storeu_pd(p, sums.v[0]);
  _mm512_storeu_pd(p + 8, sums.v[1]);
}

#elif defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)

typedef struct {
  __m256d v[4];
} doubles;

static inline doubles doubles_zero(void) {
  __m256d zero = _mm256_setzero_pd();
  return (doubles){{zero, zero, zero, zero}};
}
static inline __m256d doubles_low(__m256 a) { return _mm256_cvtps_pd(_mm256_castps256_ps128(a)); }
static inline __m256d doubles_high(__m256 a) {
  return _mm256_cvtps_pd(_mm256_extractf128_ps(a, 1));
}
static inline doubles doubles_add(doubles sums, lanes a) {
  return (doubles){{_mm256_add_pd(sums.v[0], doubles_low(a.a)),
                    _mm256_add_pd(sums.v[1], doubles_high(a.a)),
                    _mm256_add_pd(sums.v[2], doubles_low(a.b)),
                    _mm256_add_pd(sums.v[3], doubles_high(a.b))}};
}
static inline void doubles_store(double *p, doubles sums) {
  for (int i = 0; i < 4; i++) {
    _mm256_storeu_pd(p + 4 * i, sums.v[i]);
  }
}

#elif defined(__aarch64__)

typedef struct {
  float64x2_t v[8];
} doubles;

static inline doubles doubles_zero(void) {
  doubles zero;
  for (int i = 0; i < 8; i++) {
    zero.v[i] = vdupq_n_f64(0);
  }
  return zero;
}
static inline doubles doubles_add(doubles sums, lanes a) {
  for (int i = 0; i < 4; i++) {
    sums.v[2 * i] = vaddq_f64(sums.v[2 * i], vcvt_f64_f32(vget_low_f32(a.v[i])));
    sums.v[2 * i + 1] = vaddq_f64(sums.v[2 * i + 1], vcvt_high_f64_f32(a.v[i]));
  }
  return sums;
}
static inline void doubles_store(double *p, doubles sums) {
  for (int i = 0; i < 8; i++) {
    vst1q_f64(p + 2 * i, sums.v[i]);
  }
}

#else /* scalar */

typedef struct {
  double v[16];
} doubles;

static inline doubles doubles_zero(void) { return (doubles){{0}}; }
static inline doubles doubles_add(doubles sums, lanes a) {
  LANES_FOR sums.v[i_] += a.v[i_];
  return sums;
}
static inline void doubles_store(double *p, doubles sums) { LANES_FOR p[i_] = sums.v[i_]; }

#endif

#endif
