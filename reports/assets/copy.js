'use strict';
/** Copies the command that runs the run again. Without a clipboard (an old browser, some policies) the command is
 * selected instead, ready to be copied by hand. */
(() => {
  const button = document.getElementById('copy');
  const command = document.getElementById('command');
  button.hidden = false;
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(command.textContent);
      button.textContent = 'Copied';
    } catch {
      getSelection().selectAllChildren(command);
      button.textContent = 'Selected';
    }
    setTimeout(() => { button.textContent = 'Copy'; }, 1500);
  });
})();
