package io.calm.quant;

import io.calm.model.Stage;
import java.util.List;
import java.util.Locale;

/** The part of a block that one algorithm quantizes ({@code calm.search.granularity}). */
public enum Granularity {
  /** The whole block. */
  BLOCK,
  /** Attention, and the feed-forward part. */
  HALF,
  /** The linears that share an input. */
  STAGE;

  private static final List<Part> BLOCK_PARTS = List.of(new Part("block", List.of(Stage.values())));
  private static final List<Part> HALVES =
      List.of(
          new Part("attention", List.of(Stage.ATTENTION_IN, Stage.ATTENTION_OUT)),
          new Part("mlp", List.of(Stage.MLP_IN, Stage.MLP_OUT)));
  private static final List<Part> STAGES =
      List.of(
          new Part("qkv", List.of(Stage.ATTENTION_IN)),
          new Part("o", List.of(Stage.ATTENTION_OUT)),
          new Part("gate+up", List.of(Stage.MLP_IN)),
          new Part("down", List.of(Stage.MLP_OUT)));

  /**
   * A part of a block.
   *
   * @param name name in plans, e.g. {@code gate+up}
   * @param stages its stages, in order
   */
  public record Part(String name, List<Stage> stages) {
    public Part {
      stages = List.copyOf(stages);
    }
  }

  /** Returns the parts of a block, in the order in which they run. */
  public List<Part> parts() {
    return switch (this) {
      case BLOCK -> BLOCK_PARTS;
      case HALF -> HALVES;
      case STAGE -> STAGES;
    };
  }

  /** Returns the setting's value, e.g. {@code stage}. */
  public String setting() {
    return name().toLowerCase(Locale.ROOT);
  }
}
