import { RawScene } from '../../support/raw-scene.js';
import { describeConnection } from './describe-connection.js';

describeConnection('RawSocket', (options) => RawScene.open(options), { hasBatches: false, hasCloseCodes: false });
