package io.calm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.cli.eval.DecoderLogits;
import io.calm.cli.eval.LogitSource;
import io.calm.cli.eval.ReferenceLogits;
import io.calm.quantize.QuantizedModelStore;
import io.calm.runtime.Decoders;
import io.calm.settings.CalmSettings;
import io.calm.testing.JsonFile;
import io.calm.testing.Repository;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The command on a tiny model, against a naive computation from the same logits. */
class EvalCommandTest {
  private static final String TINY = Repository.path("models/calm-tiny-llama").toString();
  private static final String ENGINES = "ENGINE_CACHE_DIR";
  private static final String SENTENCE = "The water in the river is cold, and the %d boats wait. ";

  @TempDir static Path directory;

  private static boolean named;

  /** Keeps DJL's libraries, which other tests use too, out of the directory of this test. */
  @BeforeAll
  static void keepTheLibraries() {
    named = System.getProperty(ENGINES) != null || System.getenv(ENGINES) != null;
    if (!named && System.getenv("DJL_CACHE_DIR") == null) {
      System.setProperty(ENGINES, Path.of(System.getProperty("user.home"), ".djl.ai").toString());
    }
  }

  @AfterAll
  static void restore() {
    if (!named) {
      System.clearProperty(ENGINES);
    }
  }

  private static Path write(String name, String content) throws IOException {
    return Files.writeString(directory.resolve(name), content);
  }

  private static Path text(String name, int sentences) throws IOException {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < sentences; i++) {
      text.append(SENTENCE.formatted(i * i));
    }
    return write(name, text.toString());
  }

  private static CommandRun eval(String... arguments) {
    List<String> all = new ArrayList<>(List.of("eval", TINY));
    all.addAll(List.of(arguments));
    all.addAll(List.of("-s", "calm.cache-dir=" + directory.resolve("cache")));
    all.addAll(List.of("-s", "calm.lm-head=int8", "-s", "calm.group=64"));
    return CommandRun.of(all);
  }

  private static double mean(JsonObject object, String key) {
    return object.getAsJsonObject(key).get("mean").getAsDouble();
  }

  /** Runs {@code body} with the reference and the decoder of the uniform plan rtn. */
  private static void withModels(Body body) {
    CalmSettings settings =
        CalmSettings.of(
            Map.of(
                "calm.cache-dir", directory.resolve("cache").toString(),
                "calm.algorithm", "rtn",
                "calm.lm-head", "int8",
                "calm.group", "64"),
            Map.of());
    try (Checkpoint checkpoint = Checkpoints.open(Path.of(TINY));
        LogitSource reference = new ReferenceLogits(checkpoint, 2);
        LogitSource rtn =
            new DecoderLogits(
                Decoders.open(
                    new QuantizedModelStore(settings).get(checkpoint, moment -> {}).model(),
                    settings.decoder().forDecoder(),
                    64))) {
      body.run(checkpoint, reference, rtn);
    }
  }

  @FunctionalInterface
  private interface Body {
    void run(Checkpoint checkpoint, LogitSource reference, LogitSource rtn);
  }

  /** Returns the log-probabilities of every position, [T][V]. */
  private static double[][] logProbabilities(LogitSource model, int[] tokens) {
    double[][] rows = new double[tokens.length][];
    model.run(
        tokens,
        (position, logits) -> {
          double sum = 0;
          for (float logit : logits) {
            sum += Math.exp(logit);
          }
          double logSum = Math.log(sum);
          rows[position] = new double[logits.length];
          Arrays.setAll(rows[position], i -> logits[i] - logSum);
        });
    return rows;
  }

  private static int best(double[] row) {
    int best = 0;
    for (int i = 1; i < row.length; i++) {
      best = row[i] > row[best] ? i : best;
    }
    return best;
  }

  @Test
  void theFormatOfKeysAndValuesIsReadAsItsSetting() throws IOException {
    Path out = directory.resolve("kv.json");
    CommandRun run =
        eval(
            "--text",
            text("kv.txt", 4).toString(),
            "--length=16",
            "--windows=1",
            "--precision=rtn",
            "--kv-cache=INT8",
            "--json",
            out.toString());
    assertEquals(0, run.status(), run.err());
    assertEquals("int8", JsonFile.object(out).get("kv_cache").getAsString());
  }

  @Test
  void aTextIsMeasuredAndCompared() throws IOException {
    Path one = text("one.txt", 12);
    Path two = text("two.txt", 15);
    Path json = directory.resolve("text.json");
    CommandRun outcome =
        eval(
            "--precision",
            "rtn",
            "--against",
            "rtn:calm.lm-head=float32",
            "--against",
            "reference,reference",
            "--kl",
            "--length",
            "40",
            "--text",
            one.toString(),
            two.toString(),
            "--json",
            json.toString());
    assertEquals(0, outcome.status(), outcome.err());
    assertTrue(outcome.out().contains("one.txt is short"), outcome.out());
    assertTrue(outcome.out().contains("rtn - reference"), outcome.out());
    assertTrue(outcome.out().contains("rtn - rtn:calm.lm-head=float32"), outcome.out());
    JsonObject first = JsonFile.object(json).getAsJsonArray("texts").get(0).getAsJsonObject();
    JsonObject rtn = first.getAsJsonArray("precisions").get(0).getAsJsonObject();
    JsonObject reference = first.getAsJsonArray("precisions").get(2).getAsJsonObject();
    assertEquals(3, first.getAsJsonArray("precisions").size(), "each is measured once");
    assertEquals(2, first.getAsJsonArray("differences").size());
    assertEquals(0.0, mean(reference, "kl"));
    assertEquals(1.0, mean(reference, "top_one_agreement"));
    String text = Files.readString(one);
    withModels(
        (checkpoint, full, quantized) -> {
          int[] tokens = checkpoint.tokenizer().encode(text, false);
          int windows = tokens.length / 40;
          assertEquals(windows, first.get("windows").getAsInt());
          double nll = 0;
          double kl = 0;
          double agreements = 0;
          double fullNll = 0;
          for (int w = 0; w < windows; w++) {
            int[] window = Arrays.copyOfRange(tokens, 40 * w, 40 * w + 40);
            double[][] p = logProbabilities(full, window);
            double[][] q = logProbabilities(quantized, window);
            for (int t = 0; t + 1 < window.length; t++) {
              nll -= q[t][window[t + 1]];
              fullNll -= p[t][window[t + 1]];
              agreements += best(p[t]) == best(q[t]) ? 1 : 0;
              for (int i = 0; i < p[t].length; i++) {
                kl += Math.exp(p[t][i]) * (p[t][i] - q[t][i]);
              }
            }
          }
          int scored = windows * 39;
          assertEquals(nll / scored, mean(rtn, "nll"), 1e-7);
          assertEquals(fullNll / scored, mean(reference, "nll"), 1e-5);
          assertEquals(kl / scored, mean(rtn, "kl"), 1e-6);
          assertEquals(agreements / scored, mean(rtn, "top_one_agreement"), 1e-3);
        });
  }

  @Test
  void tasksAreScored() throws IOException {
    String[] contexts = {"The boats wait in the", "Question: Is water cold?\nAnswer:", "One, two,"};
    String[][] choices = {
      {" river", " sky of the old men"}, {" yes", " no", " both"}, {" 3", " x"}
    };
    StringBuilder lines = new StringBuilder();
    for (int q = 0; q < contexts.length; q++) {
      for (int c = 0; c < choices[q].length; c++) {
        lines.append(request(q, c, contexts[q], choices[q][c])).append('\n');
      }
    }
    Path plain = write("tiny.jsonl", lines.toString());
    Path packed = directory.resolve("packed.jsonl.gz");
    try (OutputStream stream = new GZIPOutputStream(Files.newOutputStream(packed))) {
      stream.write(lines.toString().getBytes(StandardCharsets.UTF_8));
    }
    Path words = write("words.jsonl", "{\"text\": \"The boats wait in the river\"}\n");
    Path json = directory.resolve("tasks.json");
    CommandRun outcome =
        eval(
            "--precision",
            "rtn",
            "--against",
            "reference",
            "--tasks",
            plain.toString(),
            packed.toString(),
            words.toString(),
            "--json",
            json.toString());
    assertEquals(0, outcome.status(), outcome.err());
    List<JsonObject> tasks = new ArrayList<>();
    JsonFile.object(json)
        .getAsJsonArray("tasks")
        .forEach(task -> tasks.add(task.getAsJsonObject()));
    JsonObject expected = tasks.get(0).getAsJsonArray("precisions").get(0).getAsJsonObject();
    JsonObject same = tasks.get(1).getAsJsonArray("precisions").get(0).getAsJsonObject();
    assertEquals(mean(expected, "acc"), mean(same, "acc"));
    withModels(
        (checkpoint, full, rtn) -> {
          int correct = 0;
          int normalized = 0;
          for (int q = 0; q < contexts.length; q++) {
            double[] sums = new double[choices[q].length];
            double[] perCharacter = new double[sums.length];
            for (int c = 0; c < sums.length; c++) {
              sums[c] = -nll(checkpoint, rtn, contexts[q], choices[q][c]);
              perCharacter[c] = sums[c] / (choices[q][c].length() - 1);
            }
            correct += best(sums) == 0 ? 1 : 0;
            normalized += best(perCharacter) == 0 ? 1 : 0;
          }
          assertEquals(correct / 3.0, mean(expected, "acc"), 1e-12);
          assertEquals(normalized / 3.0, mean(expected, "acc_norm"), 1e-12);
          for (int m = 0; m < 2; m++) {
            JsonObject lambada = tasks.get(2).getAsJsonArray("precisions").get(m).getAsJsonObject();
            double nll = nll(checkpoint, m == 0 ? rtn : full, "The boats wait in the", " river");
            assertEquals(nll, mean(lambada, "nll"), m == 0 ? 1e-6 : 1e-4);
          }
        });
  }

  private static double nll(Checkpoint checkpoint, LogitSource model, String context, String more) {
    int[] all = checkpoint.tokenizer().encode(context + more, false);
    double[][] p = logProbabilities(model, all);
    double nll = 0;
    for (int t = checkpoint.tokenizer().encode(context, false).length; t < all.length; t++) {
      nll -= p[t - 1][all[t]];
    }
    return nll;
  }

  private static String request(int document, int idx, String context, String continuation) {
    JsonObject request = new JsonObject();
    request.addProperty("context", context);
    request.addProperty("continuation", continuation);
    JsonObject line = new JsonObject();
    line.addProperty("request_type", "loglikelihood");
    line.add("request", request);
    line.addProperty("doc_id", document);
    line.addProperty("idx", idx);
    line.addProperty("label", 0);
    return line.toString();
  }

  @Test
  void wrongCallsAreRefusedBeforeAnythingRuns() throws IOException {
    String text = text("short.txt", 1).toString();
    Path bad = write("bad.jsonl", "{}\n");
    wrongCall("expected --text FILE or --tasks FILE, got neither");
    wrongCall("--kl: expected --text", "--kl", "--tasks", bad.toString());
    refused(bad + ", line 1: expected \"request\"", "--tasks", bad.toString());
    wrongCall("--limit: expected 1 or more", "--limit", "0", "--tasks", bad.toString());
    wrongCall("--windows: expected 1 or more, got 0", "--windows", "0", "--text", text);
    wrongCall("--length: expected 2 or more tokens, got 1", "--length", "1", "--text", text);
    wrongCall(
        "--against: expected a precision other than", "--text", text, "--against", "rtn,calm");
    refused("--json: expected a file in an existing", "--text", text, "--json", "/none/such/a");
    refused("short.txt: expected at least one window of 512 tokens", "--text", text);
    wrongCall(
        "no algorithm 'bogus'", "--length", "5", "--text", text, "--against", "reference,bogus");
    wrongCall("precision rtn:64: expected", "--text", text, "--against", "rtn:64");
    refused("none.txt: no such file", "--text", directory.resolve("none.txt").toString());
  }

  @Test
  void aQuestionThatCannotBeAskedIsFoundBeforeAModelIsMade() throws IOException {
    String text = text("asked.txt", 12).toString();
    String lines = request(0, 0, "One,", " two") + "\n" + request(0, 1, "One,", " x".repeat(5000));
    Path bad = write("long.jsonl", lines + "\n");
    Path cache = directory.resolve("unused");
    CommandRun outcome =
        CommandRun.of(
            "eval",
            TINY,
            "--precision",
            "rtn",
            "--length",
            "40",
            "--text",
            text,
            "--tasks",
            bad.toString(),
            "-s",
            "calm.cache-dir=" + cache);
    assertEquals(1, outcome.status(), outcome.err());
    assertTrue(
        outcome.err().contains(bad + ", line 1: expected continuations of 1 to "), outcome.err());
    assertFalse(Files.exists(cache), "nothing was quantized");
  }

  private static void refused(String message, String... arguments) {
    refused(1, message, arguments);
  }

  private static void wrongCall(String message, String... arguments) {
    refused(2, message, arguments);
  }

  private static void refused(int status, String message, String... arguments) {
    CommandRun outcome = eval(arguments);
    assertEquals(status, outcome.status(), outcome.err());
    assertTrue(outcome.err().contains(message), outcome.err());
    assertEquals("", outcome.out());
  }

  @Test
  void theModelMayStandBehindTheFiles() throws IOException {
    String text = text("behind.txt", 1).toString();
    CommandRun outcome =
        CommandRun.of(
            "eval",
            "--precision",
            "reference",
            "--length",
            "9",
            "--windows",
            "9999",
            "--text",
            text,
            TINY);
    assertEquals(1, outcome.status());
    assertTrue(outcome.err().contains("behind.txt: --windows: expected 1 to "), outcome.err());
    outcome = CommandRun.of("eval", TINY, "--text");
    assertEquals(2, outcome.status());
    assertTrue(outcome.err().contains("--text"), outcome.err());
  }
}
