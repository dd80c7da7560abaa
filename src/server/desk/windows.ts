import type { FastifyInstance } from 'fastify';
import type { LiveWindow } from '../../live/live-event.js';
import type { LiveDesk } from './desk.js';
import type { EndedWindow } from './messages.js';

/** `POST /windows`: a window ends now. Answered when it has. */
export function windows(app: FastifyInstance, { asked }: LiveDesk): void {
  app.post('/windows', async (): Promise<EndedWindow> => {
    const { window, rows } = await new Promise<LiveWindow>((resolve) => asked.next(resolve));
    return { window: rows.length === 0 ? null : window, picks: rows.length };
  });
}
