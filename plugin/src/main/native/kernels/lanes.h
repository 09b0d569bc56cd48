/*
 * Sixteen float32 lanes in the registers of the kernel variant. Each operation rounds each lane
 * once by IEEE 754, so results do not depend on the width of the registers.
 */
#ifndef CALM_LANES_H
#define CALM_LANES_H

#include "calm.h"

#include <math.h>
#include <string.h>

#if defined(__AVX512F__) && defined(__AVX512BW__)

#include <immintrin.h>

typedef struct {
  __m512 v;
} lanes;

static inline lanes lanes_load(const float *p) { return (lanes){_mm512_loadu_ps(p)}; }
static inline void lanes_store(float *p, lanes a) { _mm512_storeu_ps(p, a.v); }
static inline lanes lanes_all(float x) { return (lanes){_mm512_set1_ps(x)}; }
static inline lanes lanes_add(lanes a, lanes b) { return (lanes){_mm512_add_ps(a.v, b.v)}; }
static inline lanes lanes_sub(lanes a, lanes b) { return (lanes){_mm512_sub_ps(a.v, b.v)}; }
static inline lanes lanes_mul(lanes a, lanes b) { return (lanes){_mm512_mul_ps(a.v, b.v)}; }
static inline lanes lanes_div(lanes a, lanes b) { return (lanes){_mm512_div_ps(a.v, b.v)}; }
static inline lanes lanes_fma(lanes a, lanes b, lanes c) {
  return (lanes){_mm512_fmadd_ps(a.v, b.v, c.v)};
}
/* The larger number; b if a or b is NaN. */
static inline lanes lanes_max(lanes a, lanes b) { return (lanes){_mm512_max_ps(a.v, b.v)}; }
/* The smaller number; b if a or b is NaN. */
static inline lanes lanes_min(lanes a, lanes b) { return (lanes){_mm512_min_ps(a.v, b.v)}; }
/* a < b ? c : d */
static inline lanes lanes_less(lanes a, lanes b, lanes c, lanes d) {
  return (lanes){_mm512_mask_blend_ps(_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ), d.v, c.v)};
}
static inline lanes lanes_abs(lanes a) {
  return (lanes){_mm512_castsi512_ps(
      _mm512_and_si512(_mm512_castps_si512(a.v), _mm512_set1_epi32(0x7fffffff)))};
}
/* The larger magnitude by its bits: finite numbers in order, then infinity, then NaN. */
static inline lanes lanes_max_magnitude(lanes a, lanes b) {
  return (lanes){_mm512_castsi512_ps(
      _mm512_max_epi32(_mm512_castps_si512(a.v), _mm512_castps_si512(b.v)))};
}
/* p * 2^n, rounded once, for integers n. */
static inline lanes lanes_scale(lanes p, lanes n) { return (lanes){_mm512_scalef_ps(p.v, n.v)}; }
/* Adds lanes i and i + 8, then i + 4, i + 2, i + 1. Every sum over lanes has this order. */
static inline float lanes_sum(lanes a) {
  __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
static inline float lanes_largest(lanes a) { return _mm512_reduce_max_ps(a.v); }
/* The largest lane, compared as integers; all sign bits must be 0. */
static inline float lanes_largest_magnitude(lanes a) {
  return _mm_cvtss_f32(_mm_castsi128_ps(
      _mm_cvtsi32_si128(_mm512_reduce_max_epi32(_mm512_castps_si512(a.v)))));
}
/* Truncates toward zero; magnitudes below 2^31. */
static inline lanes lanes_truncate(lanes a) {
  return (lanes){_mm512_cvtepi32_ps(_mm512_cvttps_epi32(a.v))};
}
static inline lanes lanes_load_half(const uint16_t *p) {
  return (lanes){_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p))};
}
static inline void lanes_store_half(uint16_t *p, lanes a) {
  _mm256_storeu_si256((__m256i *)p,
                      _mm512_cvtps_ph(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
static inline lanes lanes_load_int8(const int8_t *p) {
  return (lanes){_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p)))};
}
/* Integers of -127 to 127. */
static inline void lanes_store_int8(int8_t *p, lanes a) {
  _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8(_mm512_cvttps_epi32(a.v)));
}

#elif defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)

#include <immintrin.h>

typedef struct {
  __m256 a, b;
} lanes;

#define LANES_EACH(f) (lanes){f(a.a, b.a), f(a.b, b.b)}
static inline lanes lanes_load(const float *p) {
  return (lanes){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}
static inline void lanes_store(float *p, lanes a) {
  _mm256_storeu_ps(p, a.a);
  _mm256_storeu_ps(p + 8, a.b);
}
static inline lanes lanes_all(float x) { return (lanes){_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
static inline lanes lanes_add(lanes a, lanes b) { return LANES_EACH(_mm256_add_ps); }
static inline lanes lanes_sub(lanes a, lanes b) { return LANES_EACH(_mm256_sub_ps); }
static inline lanes lanes_mul(lanes a, lanes b) { return LANES_EACH(_mm256_mul_ps); }
static inline lanes lanes_div(lanes a, lanes b) { return LANES_EACH(_mm256_div_ps); }
static inline lanes lanes_max(lanes a, lanes b) { return LANES_EACH(_mm256_max_ps); }
static inline lanes lanes_min(lanes a, lanes b) { return LANES_EACH(_mm256_min_ps); }
static inline lanes lanes_fma(lanes a, lanes b, lanes c) {
  return (lanes){_mm256_fmadd_ps(a.a, b.a, c.a), _mm256_fmadd_ps(a.b, b.b, c.b)};
}
static inline lanes lanes_less(lanes a, lanes b, lanes c, lanes d) {
  return (lanes){_mm256_blendv_ps(d.a, c.a, _mm256_cmp_ps(a.a, b.a, _CMP_LT_OQ)),
                 _mm256_blendv_ps(d.b, c.b, _mm256_cmp_ps(a.b, b.b, _CMP_LT_OQ))};
}
static inline lanes lanes_abs(lanes a) {
  __m256 mask = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
  return (lanes){_mm256_and_ps(a.a, mask), _mm256_and_ps(a.b, mask)};
}
static inline __m256 lanes_max_bits(__m256 a, __m256 b) {
  return _mm256_castsi256_ps(_mm256_max_epi32(_mm256_castps_si256(a), _mm256_castps_si256(b)));
}
static inline lanes lanes_max_magnitude(lanes a, lanes b) { return LANES_EACH(lanes_max_bits); }
static inline __m256 lanes_power_half(__m256 n) {
  __m256i e = _mm256_add_epi32(_mm256_cvttps_epi32(n), _mm256_set1_epi32(127));
  return _mm256_castsi256_ps(_mm256_slli_epi32(e, 23));
}
static inline lanes lanes_power(lanes n) {
  return (lanes){lanes_power_half(n.a), lanes_power_half(n.b)};
}
static inline __m256 lanes_floor_eight(__m256 n) {
  return _mm256_cvtepi32_ps(_mm256_srai_epi32(_mm256_cvttps_epi32(n), 1));
}
static inline lanes lanes_floor_half(lanes n) {
  return (lanes){lanes_floor_eight(n.a), lanes_floor_eight(n.b)};
}
#define LANES_SCALE_IN_HALVES
static inline float lanes_sum(lanes a) {
  __m256 eight = _mm256_add_ps(a.a, a.b);
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
#define LANES_SUM
static inline lanes lanes_truncate(lanes a) {
  return (lanes){_mm256_cvtepi32_ps(_mm256_cvttps_epi32(a.a)),
                 _mm256_cvtepi32_ps(_mm256_cvttps_epi32(a.b))};
}
static inline lanes lanes_load_half(const uint16_t *p) {
  return (lanes){_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)),
                 _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(p + 8)))};
}
static inline void lanes_store_half(uint16_t *p, lanes a) {
  /* An immediate: a const int is no constant expression in C. */
  enum { nearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC };
  _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph(a.a, nearest));
  _mm_storeu_si128((__m128i *)(p + 8), _mm256_cvtps_ph(a.b, nearest));
}
static inline lanes lanes_load_int8(const int8_t *p) {
  __m128i codes = _mm_loadu_si128((const __m128i *)p);
  return (lanes){_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(codes)),
                 _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(codes, 8)))};
}
static inline void lanes_store_int8(int8_t *p, lanes a) {
  __m256i words = _mm256_packs_epi32(_mm256_cvttps_epi32(a.a), _mm256_cvttps_epi32(a.b));
  words = _mm256_permute4x64_epi64(words, 0xd8);
  _mm_storeu_si128((__m128i *)p, _mm_packs_epi16(_mm256_castsi256_si128(words),
                                                 _mm256_extracti128_si256(words, 1)));
}

#elif defined(__aarch64__)

#include <arm_neon.h>

typedef struct {
  float32x4_t v[4];
} lanes;

#define LANES_FOR for (int i_ = 0; i_ < 4; i_++)
#define LANES_OF(expression) \
  lanes r_;                  \
  LANES_FOR r_.v[i_] = (expression); \
  return r_
static inline lanes lanes_load(const float *p) { LANES_OF(vld1q_f32(p + 4 * i_)); }
static inline void lanes_store(float *p, lanes a) { LANES_FOR vst1q_f32(p + 4 * i_, a.v[i_]); }
static inline lanes lanes_all(float x) { LANES_OF(vdupq_n_f32(x)); }
static inline lanes lanes_add(lanes a, lanes b) { LANES_OF(vaddq_f32(a.v[i_], b.v[i_])); }
static inline lanes lanes_sub(lanes a, lanes b) { LANES_OF(vsubq_f32(a.v[i_], b.v[i_])); }
static inline lanes lanes_mul(lanes a, lanes b) { LANES_OF(vmulq_f32(a.v[i_], b.v[i_])); }
static inline lanes lanes_div(lanes a, lanes b) { LANES_OF(vdivq_f32(a.v[i_], b.v[i_])); }
static inline lanes lanes_fma(lanes a, lanes b, lanes c) {
  LANES_OF(vfmaq_f32(c.v[i_], a.v[i_], b.v[i_]));
}
static inline lanes lanes_less(lanes a, lanes b, lanes c, lanes d) {
  LANES_OF(vbslq_f32(vcltq_f32(a.v[i_], b.v[i_]), c.v[i_], d.v[i_]));
}
static inline lanes lanes_max(lanes a, lanes b) { return lanes_less(b, a, a, b); }
static inline lanes lanes_min(lanes a, lanes b) { return lanes_less(a, b, a, b); }
#define LANES_SCALE_IN_HALVES
static inline lanes lanes_abs(lanes a) { LANES_OF(vabsq_f32(a.v[i_])); }
static inline lanes lanes_max_magnitude(lanes a, lanes b) {
  LANES_OF(vreinterpretq_f32_s32(
      vmaxq_s32(vreinterpretq_s32_f32(a.v[i_]), vreinterpretq_s32_f32(b.v[i_]))));
}
static inline lanes lanes_power(lanes n) {
  LANES_OF(vreinterpretq_f32_s32(
      vshlq_n_s32(vaddq_s32(vcvtq_s32_f32(n.v[i_]), vdupq_n_s32(127)), 23)));
}
static inline lanes lanes_floor_half(lanes n) {
  LANES_OF(vcvtq_f32_s32(vshrq_n_s32(vcvtq_s32_f32(n.v[i_]), 1)));
}
static inline lanes lanes_truncate(lanes a) { LANES_OF(vcvtq_f32_s32(vcvtq_s32_f32(a.v[i_]))); }
static inline lanes lanes_load_half(const uint16_t *p) {
  LANES_OF(vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p + 4 * i_))));
}
static inline void lanes_store_half(uint16_t *p, lanes a) {
  LANES_FOR vst1_u16(p + 4 * i_, vreinterpret_u16_f16(vcvt_f16_f32(a.v[i_])));
}
static inline lanes lanes_load_int8(const int8_t *p) {
  int8x16_t codes = vld1q_s8(p);
  int16x8_t low = vmovl_s8(vget_low_s8(codes)), high = vmovl_s8(vget_high_s8(codes));
  return (lanes){{vcvtq_f32_s32(vmovl_s16(vget_low_s16(low))),
                  vcvtq_f32_s32(vmovl_s16(vget_high_s16(low))),
                  vcvtq_f32_s32(vmovl_s16(vget_low_s16(high))),
                  vcvtq_f32_s32(vmovl_s16(vget_high_s16(high)))}};
}
static inline void lanes_store_int8(int8_t *p, lanes a) {
  int16x8_t low = vcombine_s16(vmovn_s32(vcvtq_s32_f32(a.v[0])), vmovn_s32(vcvtq_s32_f32(a.v[1])));
  int16x8_t high = vcombine_s16(vmovn_s32(vcvtq_s32_f32(a.v[2])), vmovn_s32(vcvtq_s32_f32(a.v[3])));
  vst1q_s8(p, vcombine_s8(vmovn_s16(low), vmovn_s16(high)));
}

#else /* scalar */

typedef struct {
  float v[16];
} lanes;

#define LANES_FOR for (int i_ = 0; i_ < 16; i_++)
#define LANES_OF(expression) \
  lanes r_;                  \
  LANES_FOR r_.v[i_] = (expression); \
  return r_

static inline int32_t bits_of(float x) {
  int32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}
static inline float float_of(int32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}
static inline lanes lanes_load(const float *p) { LANES_OF(p[i_]); }
static inline void lanes_store(float *p, lanes a) { LANES_FOR p[i_] = a.v[i_]; }
static inline lanes lanes_all(float x) { LANES_OF(x); }
static inline lanes lanes_add(lanes a, lanes b) { LANES_OF(a.v[i_] + b.v[i_]); }
static inline lanes lanes_sub(lanes a, lanes b) { LANES_OF(a.v[i_] - b.v[i_]); }
static inline lanes lanes_mul(lanes a, lanes b) { LANES_OF(a.v[i_] * b.v[i_]); }
static inline lanes lanes_div(lanes a, lanes b) { LANES_OF(a.v[i_] / b.v[i_]); }
static inline lanes lanes_fma(lanes a, lanes b, lanes c) {
  LANES_OF(fmaf(a.v[i_], b.v[i_], c.v[i_]));
}
static inline lanes lanes_max(lanes a, lanes b) { LANES_OF(a.v[i_] > b.v[i_] ? a.v[i_] : b.v[i_]); }
static inline lanes lanes_min(lanes a, lanes b) { LANES_OF(a.v[i_] < b.v[i_] ? a.v[i_] : b.v[i_]); }
#define LANES_SCALE_IN_HALVES
static inline lanes lanes_less(lanes a, lanes b, lanes c, lanes d) {
  LANES_OF(a.v[i_] < b.v[i_] ? c.v[i_] : d.v[i_]);
}
static inline lanes lanes_abs(lanes a) { LANES_OF(fabsf(a.v[i_])); }
static inline lanes lanes_max_magnitude(lanes a, lanes b) {
  LANES_OF(bits_of(a.v[i_]) > bits_of(b.v[i_]) ? a.v[i_] : b.v[i_]);
}
static inline lanes lanes_power(lanes n) {
  LANES_OF(n.v[i_] == n.v[i_] ? float_of((int32_t)((uint32_t)((int32_t)n.v[i_] + 127) << 23))
                              : NAN);
}
static inline lanes lanes_floor_half(lanes n) {
  LANES_OF(n.v[i_] == n.v[i_] ? (float)((int32_t)n.v[i_] >> 1) : NAN);
}
static inline float half_to_float(uint16_t half) {
  int32_t sign = (int32_t)((uint32_t)(half & 0x8000) << 16);
  int32_t magnitude = (half & 0x7fff) << 13;
  if (magnitude >= 0x7c00 << 13) {
    return float_of(sign | magnitude | 0x7f800000);
  }
  return float_of(sign | magnitude) * 0x1p112f;
}
static inline uint16_t float_to_half(float x) {
  int32_t bits = bits_of(x);
  uint32_t sign = (uint32_t)bits >> 16 & 0x8000;
  int32_t magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) {
    return (uint16_t)(sign | 0x7e00);
  }
  if (magnitude >= 0x477ff000) {
    return (uint16_t)(sign | 0x7c00);
  }
  if (magnitude < 0x38800000) {
    return (uint16_t)(sign | (uint32_t)(bits_of(fabsf(x) + 0.5f) - 0x3f000000));
  }
  int32_t rounded = magnitude + 0xfff + (magnitude >> 13 & 1);
  return (uint16_t)(sign | (uint32_t)((rounded - 0x38000000) >> 13));
}
static inline lanes lanes_truncate(lanes a) { LANES_OF((float)(int32_t)a.v[i_]); }
static inline lanes lanes_load_half(const uint16_t *p) { LANES_OF(half_to_float(p[i_])); }
static inline void lanes_store_half(uint16_t *p, lanes a) {
  LANES_FOR p[i_] = float_to_half(a.v[i_]);
}
static inline lanes lanes_load_int8(const int8_t *p) { LANES_OF(p[i_]); }
static inline void lanes_store_int8(int8_t *p, lanes a) { LANES_FOR p[i_] = (int8_t)a.v[i_]; }

#endif

/* The first `count` lanes, zero in the others. */
static inline lanes lanes_load_part(const float *p, int count) {
  float padded[16] = {0};
  memcpy(padded, p, (size_t)count * sizeof(float));
  return lanes_load(padded);
}

static inline void lanes_store_part(float *p, lanes a, int count) {
  float values[16];
  lanes_store(values, a);
  memcpy(p, values, (size_t)count * sizeof(float));
}

#ifdef LANES_SCALE_IN_HALVES

/* Multiplies by the power in two factors: the first product is exact, the second rounds once. */
static inline lanes lanes_scale(lanes p, lanes n) {
  lanes half = lanes_floor_half(n);
  return lanes_mul(lanes_mul(p, lanes_power(half)), lanes_power(lanes_sub(n, half)));
}

#ifndef LANES_SUM
static inline float lanes_sum(lanes a) {
  float v[16];
  lanes_store(v, a);
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; i++) {
      v[i] += v[i + half];
    }
  }
  return v[0];
}
#endif

static inline float lanes_largest(lanes a) {
  float v[16];
  lanes_store(v, a);
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; i++) {
      v[i] = v[i] > v[i + half] ? v[i] : v[i + half];
    }
  }
  return v[0];
}

static inline float lanes_largest_magnitude(lanes a) {
  float v[16];
  int32_t largest = 0;
  lanes_store(v, a);
  for (int i = 0; i < 16; i++) {
    int32_t bits;
    memcpy(&bits, &v[i], sizeof bits);
    largest = bits > largest ? bits : largest;
  }
  float result;
  memcpy(&result, &largest, sizeof result);
  return result;
}

#endif

/*
 * e^x in each lane, with the bits of io.calm.tensor.Exponential. Arguments are limited to -104 and
 * 89, where the result is already 0 or infinity.
 */
static inline lanes lanes_exp(lanes x) {
  const lanes rounder = lanes_all(0x1.8p23f);
  lanes bounded = lanes_min(lanes_all(89), lanes_max(lanes_all(-104), x));
  lanes n = lanes_sub(lanes_fma(bounded, lanes_all(0x1.715476p0f), rounder), rounder);
  lanes r = lanes_fma(n, lanes_all(-0x1.7f7d1cp-20f),
                      lanes_fma(n, lanes_all(-0x1.62e4p-1f), bounded));
  lanes p = lanes_all(1.0f / 5040);
  p = lanes_fma(p, r, lanes_all(1.0f / 720));
  p = lanes_fma(p, r, lanes_all(1.0f / 120));
  p = lanes_fma(p, r, lanes_all(1.0f / 24));
  p = lanes_fma(p, r, lanes_all(1.0f / 6));
  p = lanes_fma(p, r, lanes_all(0.5f));
  p = lanes_fma(p, r, lanes_all(1.0f));
  p = lanes_fma(p, r, lanes_all(1.0f));
  return lanes_scale(p, n);
}

/* Sixteen values; if fewer are left (`count`), the other lanes are zero. */
static inline lanes lanes_load_some(const float *p, int count) {
  return count >= 16 ? lanes_load(p) : lanes_load_part(p, count);
}

static inline void lanes_store_some(float *p, lanes a, int count) {
  if (count >= 16) {
    lanes_store(p, a);
  } else {
    lanes_store_part(p, a, count);
  }
}

/* The nearest codes of weights, 0 to 15; inverse: 1 / scale of the grid. */
static inline lanes lanes_code(lanes w, lanes inverse, lanes minimum) {
  lanes x = lanes_max(lanes_mul(lanes_sub(w, minimum), inverse), lanes_all(0));
  lanes top = lanes_all(15);
  return lanes_truncate(lanes_add(lanes_less(x, top, x, top), lanes_all(0.5f)));
}

#endif
