package io.calm.checkpoint.hf;

import io.calm.checkpoint.FileAnswers;
import io.calm.checkpoint.storage.StoredTensor;
import io.calm.checkpoint.storage.TensorNames;
import io.calm.checkpoint.storage.TensorTable;
import io.calm.model.ModelSpec;
import io.calm.text.Printable;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Resolves tied embeddings and lm_head as Hugging Face transformers 5 does. Tables that differ are
 * not tied; a table that is stored alone is used for both.
 *
 * @param spec with {@code tiedEmbeddings} as the weights have it
 * @param names of the tensors to read
 */
record HfTies(ModelSpec spec, TensorNames names) {
  private static final Logger logger = LoggerFactory.getLogger(HfTies.class);

  /**
   * Resolves the tie of {@code spec}. If both tables are stored, reads both unless {@code answers}
   * remembers whether they are equal.
   */
  static HfTies resolve(ModelSpec spec, TensorTable table, FileAnswers answers) {
    HfTies asConfigured = new HfTies(spec, HfTensorNames.INSTANCE);
    Optional<StoredTensor> head = table.find(HfTensorNames.INSTANCE.head());
    if (!spec.tiedEmbeddings() || head.isEmpty()) {
      return asConfigured;
    }
    Optional<StoredTensor> embeddings = table.find(HfTensorNames.INSTANCE.embeddings());
    if (embeddings.isEmpty()) {
      return new HfTies(spec, HfTensorNames.HEAD_ONLY);
    }
    boolean equal =
        answers.get(
            "embeddings equal lm_head",
            List.of(embeddings.get().file(), head.get().file()),
            () -> embeddings.get().hasValuesOf(head.get()));
    if (equal) {
      return asConfigured;
    }
    logger.warn(
        "{}: tie_word_embeddings is true, but this tensor differs from {}: it is used as the"
            + " lm_head, as transformers 5 does; set tie_word_embeddings to false",
        Printable.of(head.get().where()),
        HfTensorNames.INSTANCE.embeddings());
    return new HfTies(spec.withTiedEmbeddings(false), HfTensorNames.INSTANCE);
  }
}
