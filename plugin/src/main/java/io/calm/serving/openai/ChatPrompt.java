package io.calm.serving.openai;

import io.calm.checkpoint.ChatTemplate;
import io.calm.serving.model.ServedModel;
import io.calm.serving.reply.ApiException;
import io.calm.serving.reply.ByteBudget;
import io.calm.serving.reply.Prompt;
import io.calm.serving.reply.Prompts;
import io.calm.serving.reply.RequestFields;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Renders messages through the model's own chat template. The template writes BOS itself if the
 * model expects one, so the tokenizer adds none unless {@code add_special_tokens} asks for it.
 */
final class ChatPrompt {
  private ChatPrompt() {}

  /**
   * Renders the messages of a request.
   *
   * @param charge grows by the estimated size of values that are parsed for it
   */
  static Prompt render(ServedModel model, RequestFields fields, ByteBudget.Charge charge) {
    ChatTemplate template =
        model
            .chatTemplate()
            .orElseThrow(
                () ->
                    ApiException.invalid(
                        "messages",
                        "model %s has no chat template; use /v1/completions with a prompt"
                            .formatted(model.name())));
    ToolArguments.convert(fields, template, charge);
    List<Map<String, Object>> messages =
        ChatMessages.read(fields, model.scheduler().settings().maxContext());
    Prompts.requireLength(model, "messages", ChatMessages.length(messages));
    boolean generation = fields.flag("add_generation_prompt", true);
    boolean continued = fields.flag("continue_final_message", false);
    if (generation && continued) {
      throw ApiException.invalid(
          "continue_final_message", "expected add_generation_prompt: false beside it, got true");
    }
    Map<String, Object> variables =
        fields
            .object("chat_template_kwargs")
            .map(given -> ChatMessages.plain(given.json()))
            .orElse(Map.of());
    Optional<ContinuedMessage> last =
        continued ? Optional.of(ContinuedMessage.lastOf(messages)) : Optional.empty();
    List<Map<String, Object>> shown = last.map(it -> it.mark(messages)).orElse(messages);
    String text;
    try {
      text = template.render(shown, generation, variables);
    } catch (IllegalArgumentException e) {
      throw ApiException.invalid(
          "messages", "the model's chat template refuses them: " + e.getMessage());
    }
    return Prompts.encode(
        model,
        "messages",
        last.isPresent() ? last.get().cut(text) : text,
        fields.flag("add_special_tokens", false));
  }
}
