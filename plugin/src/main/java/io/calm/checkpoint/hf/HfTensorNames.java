package io.calm.checkpoint.hf;

import io.calm.checkpoint.storage.TensorNames;
import io.calm.model.LinearRole;
import io.calm.model.NormRole;

/** The tensor names of Hugging Face transformers. */
public enum HfTensorNames implements TensorNames {
  /** The names of a model with a stored embedding table. */
  INSTANCE("model.embed_tokens.weight"),
  /** The names of a tied model whose only table is stored as the lm_head. */
  HEAD_ONLY("lm_head.weight");

  private static final String BLOCKS = "model.layers.";
  private static final int MAX_DIGITS = 9;

  private final String embeddings;

  HfTensorNames(String embeddings) {
    this.embeddings = embeddings;
  }

  @Override
  public String embeddings() {
    return embeddings;
  }

  @Override
  public String finalNorm() {
    return "model.norm.weight";
  }

  @Override
  public String head() {
    return "lm_head.weight";
  }

  @Override
  public String block(int layer) {
    return BLOCKS + layer + ".";
  }

  /**
   * transformers ignores unknown tensors. Those of a block may belong to a variant of the model.
   */
  @Override
  public boolean canBeIgnored(String name, int layers) {
    return name.endsWith("rotary_emb.inv_freq") // a derived table that old conversions kept
        || !isInBlock(name, layers);
  }

  private boolean isInBlock(String name, int layers) {
    int end = name.indexOf('.', BLOCKS.length());
    if (!name.startsWith(BLOCKS) || end < 0 || end - BLOCKS.length() > MAX_DIGITS) {
      return false;
    }
    int layer = 0;
    for (int i = BLOCKS.length(); i < end; i++) {
      layer = layer * 10 + Character.digit(name.charAt(i), 10);
    }
    return layer >= 0 && layer < layers && name.startsWith(block(layer));
  }

  @Override
  public String linear(int layer, LinearRole role) {
    return block(layer)
        + switch (role) {
          case Q -> "self_attn.q_proj";
          case K -> "self_attn.k_proj";
          case V -> "self_attn.v_proj";
          case O -> "self_attn.o_proj";
          case GATE -> "mlp.gate_proj";
          case UP -> "mlp.up_proj";
          case DOWN -> "mlp.down_proj";
        };
  }

  @Override
  public String norm(int layer, NormRole role) {
    return block(layer)
        + switch (role) {
          case ATTENTION -> "input_layernorm.weight";
          case MLP -> "post_attention_layernorm.weight";
          case Q_HEAD -> "self_attn.q_norm.weight";
          case K_HEAD -> "self_attn.k_norm.weight";
        };
  }
}
