package io.calm.checkpoint.hf;

import io.calm.checkpoint.FileCheckCache;
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
 * The resolution of tied embeddings and lm_head, as in Hugging Face transformers 5. Tables with
 * different values are not tied. If only one table is stored, it serves as both.
 *
 * @param spec the topology, with {@code tiedEmbeddings} according to the weights
 * @param names names of the tensors to read
 */
record HfTiedEmbeddings(ModelSpec spec, TensorNames names) {
  private static final Logger logger = LoggerFactory.getLogger(HfTiedEmbeddings.class);

  /**
   * Resolves {@code spec} against the stored tensors. If both tables are stored, compares them,
   * which reads both unless the result is cached.
   *
   * @param checks cache for the comparison
   */
  static HfTiedEmbeddings resolve(ModelSpec spec, TensorTable table, FileCheckCache checks) {
    HfTiedEmbeddings asConfigured = new HfTiedEmbeddings(spec, HfTensorNames.INSTANCE);
    Optional<StoredTensor> head = table.find(HfTensorNames.INSTANCE.head());
    if (!spec.tiedEmbeddings() || head.isEmpty()) {
      return asConfigured;
    }
    Optional<StoredTensor> embeddings = table.find(HfTensorNames.INSTANCE.embeddings());
    if (embeddings.isEmpty()) {
      return new HfTiedEmbeddings(spec, HfTensorNames.HEAD_ONLY);
    }
    boolean equal =
        checks.get(
            "embeddings equal lm_head",
            List.of(embeddings.get().stamp(), head.get().stamp()),
            () -> embeddings.get().hasValuesOf(head.get()));
    if (equal) {
      return asConfigured;
    }
    logger.warn(
        "{}: tie_word_embeddings is true, but this tensor differs from {}; using it as the"
            + " lm_head, as transformers 5 does; set tie_word_embeddings to false",
        Printable.of(head.get().where()),
        HfTensorNames.INSTANCE.embeddings());
    return new HfTiedEmbeddings(spec.withTiedEmbeddings(false), HfTensorNames.INSTANCE);
  }
}
