package io.calm.serving.load;

import io.calm.checkpoint.Tokenizer;
import io.calm.serving.reply.TokenText;
import io.calm.text.Printable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Compares a tokenizer with the embeddings of its model. */
final class TokenizerCheck {
  private static final Logger logger = LoggerFactory.getLogger(TokenizerCheck.class);

  private static final int MAX_SHOWN = 5;

  private TokenizerCheck() {}

  /**
   * Warns about tokens without an embedding. Such a model is served, because its other tokens work;
   * a prompt with such a token is refused.
   *
   * @param rows number of embeddings
   */
  static void warn(String model, Tokenizer tokenizer, int rows) {
    problem(tokenizer, rows).ifPresent(problem -> logger.warn("{}: {}", model, problem));
    added(tokenizer, rows).ifPresent(problem -> logger.warn("{}: {}", model, problem));
  }

  /**
   * Returns a description of a token without an embedding that the tokenizer adds to every text;
   * empty if there is none, or if the tokenizer refuses the empty text.
   */
  static Optional<String> added(Tokenizer tokenizer, int rows) {
    int[] added;
    try {
      added = tokenizer.encode("", true);
    } catch (IllegalArgumentException e) { // e.g. it makes a space of it, which it has no token for
      return Optional.empty();
    }
    return Arrays.stream(added)
        .filter(id -> id >= rows)
        .mapToObj(
            id ->
                ("the tokenizer adds the token %d to every text, beyond the model's %d embeddings;"
                        + " every completion is refused: correct the post_processor of"
                        + " tokenizer.json, or the id of the token")
                    .formatted(id, rows))
        .findFirst();
  }

  /** Returns a description of missing embeddings; empty if every token has one. */
  static Optional<String> problem(Tokenizer tokenizer, int rows) {
    int count = 0;
    List<String> first = new ArrayList<>();
    for (int id = rows; id < tokenizer.size(); id++) {
      String token = tokenizer.token(id);
      if (!token.isEmpty() && count++ < MAX_SHOWN) {
        first.add("%d \"%s\"".formatted(id, Printable.of(TokenText.of(tokenizer, id))));
      }
    }
    return count == 0
        ? Optional.empty()
        : Optional.of(
            ("the tokenizer has %d tokens beyond the model's %d embeddings, first %s; a prompt with"
                    + " one of them is refused")
                .formatted(count, rows, String.join(", ", first)));
  }
}
