package io.calm.checkpoint.tokenizer;

import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.tokenizer.json.CheckedTokenizer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Opens tokenizers in a child process before the server does.
 *
 * <p>The check of {@code tokenizer.json} covers the known faults that make the native library abort
 * the process; the probe covers unknown ones. One process runs at a time. A tokenizer that has
 * passed is remembered by its text and not tried again. Thread safe.
 */
final class TokenizerProbe {
  private static final int REMEMBERED = 256;
  private static final TokenizerProbe SHARED = new TokenizerProbe(Duration.ofSeconds(30));

  private final ReentrantLock turn = new ReentrantLock(true);
  private final Duration limit;
  private final Map<String, Boolean> passed =
      new LinkedHashMap<>() {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Boolean> eldest) {
          return size() > REMEMBERED;
        }
      };

  TokenizerProbe(Duration limit) {
    this.limit = limit;
  }

  /** Returns the probe shared by this process. */
  static TokenizerProbe shared() {
    return SHARED;
  }

  /**
   * Tries a tokenizer.
   *
   * @param source the file, for messages
   * @throws CheckpointException if the process dies, takes too long or too much memory, or cannot
   *     be started
   */
  void require(CheckedTokenizer tokenizer, String source) {
    String key = digest(tokenizer.json());
    turn.lock();
    try {
      if (passed.containsKey(key)) {
        return;
      }
      ProbeProcess.Outcome outcome = ProbeProcess.run(ProbeInput.of(tokenizer), limit);
      if (!outcome.survived()) {
        throw new CheckpointException(
            ("%s: expected a tokenizer that opens, encodes and decodes, got a process that %s; the"
                    + " server itself is unharmed; calm.tokenizer-probe=off opens it without this"
                    + " trial")
                .formatted(source, outcome.description()));
      }
      passed.put(key, true);
    } finally {
      turn.unlock();
    }
  }

  private static String digest(String text) {
    try {
      MessageDigest sha = MessageDigest.getInstance("SHA-256");
      return HexFormat.of().formatHex(sha.digest(text.getBytes(StandardCharsets.UTF_8)));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }
}
