package io.calm.loadtest.figures;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * The result of one run as a file, for the process that compares runs.
 *
 * @param profile kind of load in lower case
 * @param users concurrent users of a closed load
 * @param rate requests per second of an open load
 * @param seconds duration of the load
 * @param tokensPerSecond tokens per second under load, without its first and last seconds
 * @param firstToken time to first token
 * @param interToken time between two events of an answer
 * @param claims what the run had to show
 */
public record RunResult(
    String profile,
    int users,
    double rate,
    int seconds,
    Counts counts,
    double tokensPerSecond,
    Latency firstToken,
    Latency interToken,
    List<Claim> claims) {

  private static final ObjectMapper JSON =
      JsonMapper.builder()
          .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
          .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .build();

  public RunResult {
    claims = List.copyOf(claims);
  }

  /**
   * The requests of a run by their end.
   *
   * @param compared answers that were compared with the same request alone
   * @param wrong compared answers with another text
   */
  public record Counts(
      long requests,
      long whole,
      long hungUp,
      long refused,
      long failed,
      long wrong,
      long lost,
      long compared) {

    /** Returns the requests without an answer. */
    public long errors() {
      return refused + failed + lost;
    }
  }

  /** Writes the result. */
  public void write(Path file) {
    try {
      Files.writeString(file, JSON.writeValueAsString(this));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Reads a result.
   *
   * @throws IOException if the file is missing or has another content
   */
  public static RunResult read(Path file) throws IOException {
    try {
      return JSON.readValue(file.toFile(), RunResult.class);
    } catch (JsonProcessingException e) {
      throw new IOException(file + ": expected the result of a run, got " + e.getMessage(), e);
    }
  }
}
