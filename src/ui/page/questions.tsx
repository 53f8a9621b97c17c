import { Component, h, type VNode } from './preact.tsx';
import { post, type JsonObject, type Question } from './api.tsx';
import { Form } from './form.tsx';
import { Notice, Value, when, wordsOf } from './parts.tsx';

interface Props {
  readonly taskId: string;
  readonly name: string;
  readonly question: Question;
}

/** An open question with its form. It goes away when the task says that it is not open any more. */
export class QuestionCard extends Component<Props, { busy: boolean; said: string }> {
  override state = { busy: false, said: '' };

  async #answer(answer: JsonObject): Promise<void> {
    const { taskId, name } = this.props;
    this.setState({ busy: true, said: '' });
    try {
      await post(`/tasks/${encodeURIComponent(taskId)}/answers/${encodeURIComponent(name)}`, answer);
      this.setState({ said: 'Your answer was taken.' });
    } catch (error) {
      this.setState({ busy: false, said: wordsOf(error) });
    }
  }

  override render(): VNode {
    const { question } = this.props;
    const { busy, said } = this.state;
    const { message, requestedSchema } = question.params;
    const isForm = question.method === 'elicitation/create' && typeof requestedSchema === 'object';
    return (
      <section class="card" aria-label="An open question">
        <h2>{typeof message === 'string' ? message : question.method}</h2>
        <p class="soft">
          Asked by step <span class="mono">{question.path}</span> at {when(question.requestedAt)}
          {question.expiresAt !== undefined && `, open until ${when(question.expiresAt)}`}
        </p>
        {isForm ? (
          <Form
            schema={(requestedSchema ?? {}) as JsonObject}
            submit="Answer"
            busy={busy}
            onSubmit={(content) => void this.#answer({ action: 'accept', content })}
          />
        ) : (
          <Value label="The question as it was put" value={question.params} />
        )}
        {isForm && (
          <button type="button" disabled={busy} onClick={() => void this.#answer({ action: 'decline' })}>
            Say no
          </button>
        )}
        <Notice text={said} bad={!busy} />
      </section>
    );
  }
}
