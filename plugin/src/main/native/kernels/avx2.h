/*
 * The parts shared by the AVX2 and AVX-VNNI products. CALM_VNNI selects AVX-VNNI. A row of a tile
 * is two registers, its halves: eight outputs of four bytes each.
 */
#ifndef CALM_AVX2_H
#define CALM_AVX2_H

#include "linear.h"

#include <immintrin.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

#ifdef CALM_VNNI
#define NAME(function) calm_##function##_avxvnni
enum { NARROW = 0, MAX_ROWS = 6 }; /* MAX_ROWS: with more rows a block, compilers spill registers */
#else
#define NAME(function) calm_##function##_avx2
enum { NARROW = 1, MAX_ROWS = 4 };
#endif

enum {
  PREFETCH = 4096, /* bytes ahead in a stream of weights */
  WIDE_ROWS = 16,  /* rows of a table's product that are widened to int16 at a time (NARROW) */
};

/* The rows of the next block, of `left` rows: the largest size that has code. */
INLINE int block_rows(int left) {
  return left >= MAX_ROWS ? MAX_ROWS : left >= 4 ? 4 : left;
}

INLINE __m256i load32(const void *bytes) { return _mm256_loadu_si256((const __m256i *)bytes); }

/* Four int8 activations, or two of int16, in every lane. */
INLINE __m256i broadcast(const void *codes) {
  int32_t four;
  memcpy(&four, codes, sizeof four);
  return _mm256_set1_epi32(four);
}

INLINE __m256 half8(const uint16_t *halves) {
  return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)halves));
}

/*
 * sum + the products of unsigned codes and activations: int16 sums of pairs where NARROW, which
 * widen() adds up to int32, otherwise int32 sums of four. The first int16 products of a sum need no
 * addition. Compilers copy the accumulators of the
 * intrinsics, or order the additions so that products wait in registers that they then spill.
 */
INLINE __m256i add_products(const int first, __m256i sum, __m256i codes, __m256i four) {
#ifdef CALM_VNNI
  (void)first;
  __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(codes), "x"(four));
#else
  __m256i pairs = _mm256_maddubs_epi16(codes, four);
  if (first) {
    return pairs;
  }
  __asm__("vpaddw %1, %0, %0" : "+x"(sum) : "x"(pairs));
#endif
  return sum;
}

INLINE __m256i widen(__m256i pairs) { return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)); }

/* Writes a tile's outputs of one row: those below `outputs`. */
INLINE void store_tile(float *y, int32_t outputs, int tile, __m256 low, __m256 high) {
  int first = tile * CALM_TILE, count = outputs - first;
  if (count >= CALM_TILE) {
    _mm256_storeu_ps(y + first, low);
    _mm256_storeu_ps(y + first + 8, high);
  } else {
    float part[CALM_TILE];
    _mm256_storeu_ps(part, low);
    _mm256_storeu_ps(part + 8, high);
    memcpy(y + first, part, (size_t)count * sizeof(float));
  }
}

#endif
