/* NEON with dot products: a row of a tile is four registers. */
#include "linear.h"

#include <arm_neon.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

enum { MAX_ROWS = 4 };

INLINE int8x16_t broadcast(const int8_t *codes) {
  int32_t four;
  memcpy(&four, codes, sizeof four);
  return vreinterpretq_s8_s32(vdupq_n_s32(four));
}

INLINE float32x4_t half4(const uint16_t *halves) {
  return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(halves)));
}

INLINE void store_part(float *y, int32_t outputs, int first, float32x4_t values) {
  if (first + 4 <= outputs) {
    vst1q_f32(y + first, values);
  } else if (first < outputs) {
    float part[4];
    vst1q_f32(part, values);
    memcpy(y + first, part, (size_t)(outputs - first) * sizeof(float));
  }
}

INLINE float32x4_t load_part(const float *x, int32_t count, int first) {
  float part[4] = {0};
  if (first + 4 <= count) {
    return vld1q_f32(x + first);
  }
  if (first < count) {
    memcpy(part, x + first, (size_t)(count - first) * sizeof(float));
  }
  return vld1q_f32(part);
}

INLINE void block4(const int rows, const calm_linear *w, const calm_rows *x, int row, int tile,
                   float *y, size_t y_stride) {
  size_t groups = (size_t)w->groups, steps = (size_t)w->group / 8;
  const uint8_t *words = (const uint8_t *)w->codes + (size_t)tile * groups * steps * 64;
  const uint16_t *grid = w->grids + (size_t)tile * groups * 2 * CALM_TILE;
  const int8_t *codes = x->codes + (size_t)row * x->stride;
  float32x4_t sums[MAX_ROWS][4];
  for (int r = 0; r < rows; r++) {
    for (int i = 0; i < 4; i++) {
      sums[r][i] = vdupq_n_f32(0);
    }
  }
  for (size_t j = 0; j < groups; j++, grid += 2 * CALM_TILE) {
    int32x4_t dot[MAX_ROWS][4];
    for (int r = 0; r < rows; r++) {
      for (int i = 0; i < 4; i++) {
        dot[r][i] = vdupq_n_s32(0);
      }
    }
    for (size_t p = 0; p < steps; p++, words += 64, codes += 8) {
      for (int i = 0; i < 4; i++) {
        uint8x16_t word = vld1q_u8(words + 16 * i);
        int8x16_t low = vreinterpretq_s8_u8(vandq_u8(word, vdupq_n_u8(15)));
        int8x16_t high = vreinterpretq_s8_u8(vshrq_n_u8(word, 4));
        for (int r = 0; r < rows; r++) {
          const int8_t *at = codes + (size_t)r * x->stride;
          dot[r][i] = vdotq_s32(dot[r][i], low, broadcast(at));
          dot[r][i] = vdotq_s32(dot[r][i], high, broadcast(at + 4));
        }
      }
    }
    for (int r = 0; r < rows; r++) {
      size_t at = (size_t)(row + r) * (size_t)x->groups + j;
      for (int i = 0; i < 4; i++) {
        float32x4_t offset =
            vmulq_f32(half4(grid + CALM_TILE + 4 * i), vdupq_n_f32(x->sums[at]));
        float32x4_t value = vfmaq_f32(offset, half4(grid + 4 * i), vcvtq_f32_s32(dot[r][i]));
        sums[r][i] = vfmaq_f32(sums[r][i], vdupq_n_f32(x->scales[at]), value);
      }
    }
  }
  for (int i = 0; i < 4; i++) {
    int first = tile * CALM_TILE + 4 * i;
    for (int r = 0; r < rows; r++) {
      float32x4_t value = w->bias ? vaddq_f32(sums[r][i], load_part(w->bias, w->outputs, first))
                                  : sums[r][i];
      store_part(y + (size_t)(row + r) * y_stride, w->outputs, first, value);
    }
  }
}

INLINE void block8(const int rows, const calm_table8 *w, const calm_rows *x, int row, int tile,
                   float *y, size_t y_stride) {
  size_t groups = (size_t)w->groups, steps = (size_t)w->group / 4;
  const int8_t *words = (const int8_t *)w->codes + (size_t)tile * groups * steps * 64;
  const int8_t *codes = x->codes + (size_t)row * x->stride;
  float32x4_t sums[MAX_ROWS][4];
  for (int r = 0; r < rows; r++) {
    for (int i = 0; i < 4; i++) {
      sums[r][i] = vdupq_n_f32(0);
    }
  }
  for (size_t j = 0; j < groups; j++) {
    int32x4_t dot[MAX_ROWS][4];
    for (int r = 0; r < rows; r++) {
      for (int i = 0; i < 4; i++) {
        dot[r][i] = vdupq_n_s32(0);
      }
    }
    for (size_t p = 0; p < steps; p++, words += 64, codes += 4) {
      for (int r = 0; r < rows; r++) {
        int8x16_t four = broadcast(codes + (size_t)r * x->stride);
        for (int i = 0; i < 4; i++) {
          dot[r][i] = vdotq_s32(dot[r][i], vld1q_s8(words + 16 * i), four);
        }
      }
    }
    for (int r = 0; r < rows; r++) {
      float sx = x->scales[(size_t)(row + r) * (size_t)x->groups + j];
      for (int i = 0; i < 4; i++) {
        sums[r][i] = vfmaq_f32(sums[r][i], vdupq_n_f32(sx), vcvtq_f32_s32(dot[r][i]));
      }
    }
  }
  for (int i = 0; i < 4; i++) {
    int first = tile * CALM_TILE + 4 * i;
    for (int r = 0; r < rows; r++) {
      store_part(y + (size_t)(row + r) * y_stride, w->outputs, first,
                 vmulq_f32(sums[r][i], vld1q_f32(w->scales + first)));
    }
  }
}

size_t calm_scratch_neon(int32_t padded_inputs) {
  (void)padded_inputs;
  return 0;
}

#define BLOCKS(block)                                        \
  for (; row + MAX_ROWS <= rows; row += MAX_ROWS) {          \
    block(MAX_ROWS, w, x, row, tile, y, y_stride);           \
  }                                                          \
  for (; row < rows; row++) {                                \
    block(1, w, x, row, tile, y, y_stride);                  \
  }

void calm_multiply4_neon(const calm_linear *w, const calm_rows *x, int rows, int from, int to,
                         float *y, size_t y_stride, void *scratch) {
  (void)scratch;
  for (int tile = from; tile < to; tile++) {
    int row = 0;
    BLOCKS(block4)
  }
}

void calm_multiply8_neon(const calm_table8 *w, const calm_rows *x, int rows, int from, int to,
                         float *y, size_t y_stride, void *scratch) {
  (void)scratch;
  for (int tile = from; tile < to; tile++) {
    int row = 0;
    BLOCKS(block8)
  }
}
