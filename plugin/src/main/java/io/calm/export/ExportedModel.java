package io.calm.export;

import io.calm.artifact.Artifact;
import io.calm.artifact.ArtifactKey;
import io.calm.checkpoint.Checkpoint;
import io.calm.model.BlockParameters;
import io.calm.model.ModelSpec;
import io.calm.search.QuantPlan;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.TokenTable;

/**
 * A quantized model with everything that an export needs. Its weights are mapped from the artifact:
 * a block occupies memory only while it is read.
 *
 * @param name the model's name
 * @param checkpoint the model's source; its tokenizer and template go into the export
 * @param artifact the quantized weights
 */
public record ExportedModel(String name, Checkpoint checkpoint, Artifact artifact) {

  /** Returns the sizes and topology. */
  public ModelSpec spec() {
    return artifact.model().spec();
  }

  /** Returns block {@code layer}: packed linears, biases, and norms with all folds in them. */
  public BlockParameters<QuantizedLinear> block(int layer) {
    return artifact.model().blocks().get(layer);
  }

  /** Returns the embedding table [V, D]. */
  public TokenTable embeddings() {
    return artifact.model().embeddings();
  }

  /** Returns lm_head [V, D]; the same object as {@link #embeddings} if they share their memory. */
  public TokenTable head() {
    return artifact.model().head();
  }

  /** Returns whether lm_head is the embedding table, also in its number format. */
  public boolean sharesTables() {
    return artifact.model().head() == artifact.model().embeddings();
  }

  /** Returns the weight [D] of the norm before lm_head. */
  public float[] finalNorm() {
    return artifact.model().finalNorm();
  }

  /** Returns the decisions of the search. */
  public QuantPlan plan() {
    return artifact.plan();
  }

  /** Returns the digests and settings that determine the weights. */
  public ArtifactKey key() {
    return artifact.key();
  }

  /** Returns the record of where the weights come from, for the export's metadata. */
  public Provenance provenance() {
    return Provenance.of(this);
  }
}
