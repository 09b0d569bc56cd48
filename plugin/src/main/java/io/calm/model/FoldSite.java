package io.calm.model;

/**
 * Where a diagonal scale in front of a stage's linears folds exactly: into the norm before it, into
 * v's rows for o, into up's rows for down. No operation is added at run time.
 *
 * <p>One channel of the source may feed several inputs (a value channel feeds every query head of
 * its group): those inputs share one scale.
 *
 * @param spec the model
 * @param stage whose input is scaled
 */
public record FoldSite(ModelSpec spec, Stage stage) {

  /** Returns the number of free scales. */
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

  /** Spreads one value a channel over the stage's inputs, [channels] to [K]. */
  public float[] spread(float[] perChannel) {
    float[] perInput = new float[spec.inputs(stage)];
    for (int k = 0; k < perInput.length; k++) {
      perInput[k] = perChannel[channelOf(k)];
    }
    return perInput;
  }
}
