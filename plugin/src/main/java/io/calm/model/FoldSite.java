package io.calm.model;

/**
 * The place into which a diagonal scale of a stage's input folds exactly, without an operation at
 * run time. It is the norm before the stage, v's rows for o, or up's rows for down.
 *
 * <p>One channel of the source may feed several inputs, which then share one scale: a value channel
 * feeds every query head of its group.
 *
 * @param spec the model
 * @param stage the stage whose input is scaled
 */
public record FoldSite(ModelSpec spec, Stage stage) {

  /** Returns the number of independent scales. */
  public int channels() {
    return stage == Stage.ATTENTION_OUT ? spec.kvHeads() * spec.headDim() : spec.inputs(stage);
  }

  /** Returns the source channel that feeds input {@code input}. */
  public int channelOf(int input) {
    if (stage != Stage.ATTENTION_OUT) {
      return input;
    }
    int queriesPerGroup = spec.heads() / spec.kvHeads();
    int head = input / spec.headDim();
    return head / queriesPerGroup * spec.headDim() + input % spec.headDim();
  }

  /** Copies one value per channel to the stage's inputs, [channels] to [K]. */
  public float[] spread(float[] perChannel) {
    float[] perInput = new float[spec.inputs(stage)];
    for (int k = 0; k < perInput.length; k++) {
      perInput[k] = perChannel[channelOf(k)];
    }
    return perInput;
  }
}
