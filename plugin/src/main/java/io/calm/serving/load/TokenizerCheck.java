package io.calm.serving.load;

import io.calm.checkpoint.Tokenizer;
import io.calm.text.Printable;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Compares a tokenizer with the embeddings of its model. */
final class TokenizerCheck {
  private static final Logger logger = LoggerFactory.getLogger(TokenizerCheck.class);

  private static final int MOST_SHOWN = 5;

  private TokenizerCheck() {}

  /**
   * Warns once of tokens that the model has no embeddings for. Such a model is served, for its
   * other tokens are sound; a request whose prompt has one of them is refused.
   *
   * @param rows of the embeddings
   */
  static void warn(String model, Tokenizer tokenizer, int rows) {
    int count = 0;
    List<String> first = new ArrayList<>();
    for (int id = rows; id < tokenizer.size(); id++) {
      String token = tokenizer.token(id);
      if (token.isEmpty()) {
        continue;
      }
      if (count++ < MOST_SHOWN) {
        first.add("%d \"%s\"".formatted(id, Printable.of(token)));
      }
    }
    if (count > 0) {
      logger.warn(
          "{}: the tokenizer has {} tokens beyond the model's {} embeddings, first {};"
              + " a prompt with one of them is refused",
          model,
          count,
          rows,
          String.join(", ", first));
    }
  }
}
