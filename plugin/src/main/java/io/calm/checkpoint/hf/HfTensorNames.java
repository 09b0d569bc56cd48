package io.calm.checkpoint.hf;

import io.calm.checkpoint.storage.TensorNames;
import io.calm.model.LinearRole;
import io.calm.model.NormRole;
import java.util.List;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The tensor names of Hugging Face transformers. */
public enum HfTensorNames implements TensorNames {
  /** The names of a model with a stored embedding table. */
  INSTANCE("model.embed_tokens.weight"),
  /** The names of a tied model whose only table is stored as the lm_head. */
  HEAD_ONLY("lm_head.weight");

  private static final String BLOCKS = "model.layers.";
  private static final Pattern IN_BLOCK =
      Pattern.compile("model\\.layers\\.(0|[1-9][0-9]{0,8})\\..*", Pattern.DOTALL);

  /** Prefixes of the tensors outside the blocks. */
  private static final List<String> PARTS =
      List.of("model.embed_tokens.", "model.norm.", "lm_head.");

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
   * transformers ignores unknown tensors. Those of a block, of the final norm or of a table may
   * belong to a variant of the model. Blocks beyond the model's may be a part of it.
   */
  @Override
  public Surplus surplus(String name, int layers, int predictors) {
    if (name.equals(head()) // of a tied model
        || name.endsWith("rotary_emb.inv_freq")) { // a derived table that old conversions kept
      return Surplus.REDUNDANT;
    }
    if (PARTS.stream().anyMatch(name::startsWith)) {
      return Surplus.REQUIRED;
    }
    OptionalInt block = blockOf(name);
    if (block.isEmpty()) {
      return Surplus.UNKNOWN;
    }
    int beyond = block.getAsInt() - layers;
    return beyond >= 0 && beyond < predictors ? Surplus.REDUNDANT : Surplus.REQUIRED;
  }

  /** Returns the block of a tensor; empty if it is in none. */
  private static OptionalInt blockOf(String name) {
    Matcher matcher = IN_BLOCK.matcher(name);
    return matcher.matches()
        ? OptionalInt.of(Integer.parseInt(matcher.group(1)))
        : OptionalInt.empty();
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
