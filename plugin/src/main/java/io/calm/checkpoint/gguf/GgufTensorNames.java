package io.calm.checkpoint.gguf;

import io.calm.checkpoint.storage.TensorNames;
import io.calm.model.LinearRole;
import io.calm.model.NormRole;

/** The names of tensors in GGUF files, as llama.cpp gives them. */
public enum GgufTensorNames implements TensorNames {
  INSTANCE;

  @Override
  public String embeddings() {
    return "token_embd.weight";
  }

  @Override
  public String finalNorm() {
    return "output_norm.weight";
  }

  @Override
  public String head() {
    return "output.weight";
  }

  @Override
  public String block(int layer) {
    return "blk." + layer + ".";
  }

  /** llama.cpp refuses files with unknown tensors. It adds e.g. {@code output.bias} of Qwen2. */
  @Override
  public Surplus surplus(String name, int layers, int predictors) {
    return name.equals(GgufRope.FACTORS) ? Surplus.REDUNDANT : Surplus.REQUIRED;
  }

  @Override
  public String linear(int layer, LinearRole role) {
    return block(layer)
        + switch (role) {
          case Q -> "attn_q";
          case K -> "attn_k";
          case V -> "attn_v";
          case O -> "attn_output";
          case GATE -> "ffn_gate";
          case UP -> "ffn_up";
          case DOWN -> "ffn_down";
        };
  }

  @Override
  public String norm(int layer, NormRole role) {
    return block(layer)
        + switch (role) {
          case ATTENTION -> "attn_norm.weight";
          case MLP -> "ffn_norm.weight";
          case Q_HEAD -> "attn_q_norm.weight";
          case K_HEAD -> "attn_k_norm.weight";
        };
  }
}
