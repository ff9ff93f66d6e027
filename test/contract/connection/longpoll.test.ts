import { LpScene } from '../../support/lp-scene.js';
import { describeConnection } from './describe-connection.js';

describeConnection('long-poll', (options) => LpScene.open(options), { hasBatches: true, hasCloseCodes: false });
