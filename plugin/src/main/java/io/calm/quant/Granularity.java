package io.calm.quant;

import io.calm.model.Stage;
import java.util.List;
import java.util.Locale;

/** The part of a block that one algorithm quantizes ({@code calm.search.granularity}). */
public enum Granularity {
  /** The whole block. */
  BLOCK(new Part("block", List.of(Stage.values()))),
  /** Attention, and the feed-forward part. */
  HALF(
      new Part("attention", List.of(Stage.ATTENTION_IN, Stage.ATTENTION_OUT)),
      new Part("mlp", List.of(Stage.MLP_IN, Stage.MLP_OUT))),
  /** The linears that share an input. */
  STAGE(
      new Part("qkv", List.of(Stage.ATTENTION_IN)),
      new Part("o", List.of(Stage.ATTENTION_OUT)),
      new Part("gate+up", List.of(Stage.MLP_IN)),
      new Part("down", List.of(Stage.MLP_OUT)));

  private final List<Part> parts;

  Granularity(Part... parts) {
    this.parts = List.of(parts);
  }

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
    return parts;
  }

  /** Returns the setting's value, e.g. {@code stage}. */
  public String setting() {
    return name().toLowerCase(Locale.ROOT);
  }
}
