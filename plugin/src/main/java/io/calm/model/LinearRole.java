package io.calm.model;

/** The seven linears of a LLaMA-family decoder block, in the order in which they run. */
public enum LinearRole {
  Q(Stage.ATTENTION_IN),
  K(Stage.ATTENTION_IN),
  V(Stage.ATTENTION_IN),
  O(Stage.ATTENTION_OUT),
  GATE(Stage.MLP_IN),
  UP(Stage.MLP_IN),
  DOWN(Stage.MLP_OUT);

  private final Stage stage;

  LinearRole(Stage stage) {
    this.stage = stage;
  }

  /** Returns the stage whose input this linear reads. */
  public Stage stage() {
    return stage;
  }
}
