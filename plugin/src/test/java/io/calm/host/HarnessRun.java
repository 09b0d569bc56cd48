package io.calm.host;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.google.gson.Gson;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.calm.testing.Program;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** lm-evaluation-harness, unchanged, on two tasks that are written into a directory. */
final class HarnessRun {
  /** Tokens of one generated answer at most. */
  static final int TOKENS = 12;

  private static final String TASK =
      """
      task: %s
      dataset_path: json
      dataset_kwargs:
        data_files:
          test: %s
      test_split: test
      doc_to_text: "{{query}}"
      """;
  private static final String CHOICE =
      """
      output_type: multiple_choice
      doc_to_choice: "{{choices}}"
      doc_to_target: "{{gold}}"
      metric_list:
        - metric: acc
      """;
  private static final String GENERATION =
      """
      output_type: generate_until
      doc_to_target: "{{choices[gold]}}"
      generation_kwargs:
        until: ["e", "."]
        max_gen_toks: %d
        do_sample: false
      metric_list:
        - metric: exact_match
      """;

  private final Path directory;

  HarnessRun(Path directory, List<ChoiceQuestion> questions) throws IOException {
    this.directory = directory;
    Path data = directory.resolve("questions.jsonl");
    Files.write(data, questions.stream().map(new Gson()::toJson).toList());
    write("calm_choice", data, CHOICE);
    write("calm_generation", data, GENERATION.formatted(TOKENS));
  }

  private void write(String task, Path data, String rest) throws IOException {
    Files.writeString(directory.resolve(task + ".yaml"), TASK.formatted(task, data) + rest);
  }

  /** Runs both tasks; datasets and tokenizer are local, there is no hub. */
  void run(String url, String model, Path tokenizer) throws IOException, InterruptedException {
    Program run =
        Program.python(
            "lm_eval, transformers",
            Map.of(
                "HF_HUB_OFFLINE", "1",
                "HF_DATASETS_OFFLINE", "1",
                "HF_HOME", directory.resolve("hub").toString()),
            List.of(
                "-m",
                "lm_eval",
                "--model",
                "local-completions",
                "--model_args",
                "model=%s,base_url=%s/v1/completions,tokenizer=%s,max_length=1024,max_retries=1"
                        .formatted(model, url, tokenizer)
                    + ",num_concurrent=4",
                "--batch_size",
                "3",
                "--tasks",
                "calm_choice,calm_generation",
                "--include_path",
                directory.toString(),
                "--output_path",
                directory.resolve("out").toString(),
                "--log_samples"));
    assertEquals(0, run.status(), run::output);
  }

  /** Returns the answers to each question of a task. */
  List<List<JsonElement>> answers(String task) throws IOException {
    try (Stream<Path> files = Files.walk(directory.resolve("out"))) {
      Path samples =
          files
              .filter(file -> file.getFileName().toString().startsWith("samples_" + task))
              .findFirst()
              .orElseThrow(() -> new AssertionError("no samples of " + task));
      return Files.readAllLines(samples).stream()
          .map(line -> JsonParser.parseString(line).getAsJsonObject())
          .sorted(Comparator.comparingInt(sample -> sample.get("doc_id").getAsInt()))
          .map(HarnessRun::responses)
          .toList();
    }
  }

  private static List<JsonElement> responses(JsonObject sample) {
    return sample.getAsJsonArray("resps").asList().stream()
        .map(response -> response.getAsJsonArray().get(0))
        .toList();
  }
}
