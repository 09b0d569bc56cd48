package io.calm.model;

/** The norms of a decoder block. */
public enum NormRole {
  /** RMSNorm before attention, weight [hidden]. */
  ATTENTION,
  /** RMSNorm before the feed-forward, weight [hidden]. */
  MLP,
  /** RMSNorm of each query head, weight [headDim]; Qwen3 only. */
  Q_HEAD,
  /** RMSNorm of each key head, weight [headDim]; Qwen3 only. */
  K_HEAD
}
